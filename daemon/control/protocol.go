package control

// Version is that of the protocol. Requests of another one are refused.
const Version = 1

// The requests.
const (
	RequestStatus  = "status"  // Status, then one Instance a line
	RequestEvents  = "events"  // the latest events, and with Follow all that come
	RequestReload  = "reload"  // done, or an error
	RequestVersion = "version" // Program
)

// Request is what a client sends, in one line of at most 4096 bytes.
type Request struct {
	Version int    `json:"version"`
	Request string `json:"request"`
	Follow  bool   `json:"follow,omitempty"`
}

// Reply is one line of an answer. The last one has Done.
type Reply struct {
	Version  int       `json:"version"`
	Program  string    `json:"program,omitempty"`
	Status   *Status   `json:"status,omitempty"` // without its Instances, which follow
	Instance *Instance `json:"instance,omitempty"`
	Event    *Event    `json:"event,omitempty"`
	Error    string    `json:"error,omitempty"` // why the request failed; Done stands beside it
	Done     bool      `json:"done,omitempty"`
}
