package notify

import "fmt"

// Event is what became of an instance or of a group.
type Event uint8

// The events. The last three are of instances only, and no state.
const (
	None Event = iota
	Master
	Backup
	Fault
	Stop
	Deleted
	LowerHeard     // a Master received a lower priority
	MasterPriority // the effective priority of a Master changed
	BackupPriority
)

// String is keepalived's word (keepalived.conf(5), "notify"; vrrp_notify.c for
// the last three).
func (e Event) String() string {
	switch e {
	case None:
		return "none"
	case Master:
		return "MASTER"
	case Backup:
		return "BACKUP"
	case Fault:
		return "FAULT"
	case Stop:
		return "STOP"
	case Deleted:
		return "DELETED"
	case LowerHeard:
		return "MASTER_RX_LOWER_PRI"
	case MasterPriority:
		return "MASTER_PRIORITY"
	case BackupPriority:
		return "BACKUP_PRIORITY"
	}
	return "invalid"
}

// Notice is one event of an instance, or of a group.
type Notice struct {
	IsGroup  bool
	Name     string
	Event    Event
	Priority uint8 // the effective one; 0 of a group
}

func (n Notice) kind() string {
	if n.IsGroup {
		return "GROUP"
	}
	return "INSTANCE"
}

// Line is what a FIFO is told, with its newline.
func (n Notice) Line() string {
	return fmt.Sprintf("%s \"%s\" %s %d\n", n.kind(), n.Name, n.Event, n.Priority)
}

// Arguments are those that the script of `notify` is given behind its own.
func (n Notice) Arguments() []string {
	return []string{n.kind(), n.Name, n.Event.String(), fmt.Sprint(n.Priority)}
}
