package control

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"

	"takeover/scenarios/fault"
	"takeover/scenarios/history"
)

// Lab is what is controlled.
type Lab interface {
	Status() Status
	// Strike applies a fault to every host that the target stands for.
	Strike(ctx context.Context, f fault.Fault, target fault.Target) ([]Fault, error)
	// Clear undoes a fault in force.
	Clear(ctx context.Context, id int) error
	// ClearAll undoes all of them.
	ClearAll(ctx context.Context) error
	// Log is the history, as far back as it is kept in memory.
	Log() *history.Log
	// Capture writes the frames at the ports of a host, or at that of a link,
	// HOST/INTERFACE, or at all ports when place is empty, as pcapng until ctx
	// ends.
	Capture(ctx context.Context, place string, out io.Writer) error
	// Enter makes the host ready to be entered and returns its first process
	// as the sandbox sees it.
	Enter(host string) (pid int, err error)
}

// Serve answers requests until ctx ends. It closes the listener.
func Serve(ctx context.Context, listener net.Listener, lab Lab) error {
	s := server{lab}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /status", s.status)
	mux.HandleFunc("GET /events", s.events)
	mux.HandleFunc("GET /capture", s.capture)
	mux.HandleFunc("POST /faults", s.strike)
	mux.HandleFunc("DELETE /faults", s.clearAll)
	mux.HandleFunc("DELETE /faults/{id}", s.clear)
	mux.HandleFunc("POST /hosts/{host}/enter", s.enter)
	web := &http.Server{
		Handler: mux, ReadHeaderTimeout: time.Second,
		// What a stream of a request waits for ends with ctx.
		BaseContext: func(net.Listener) context.Context { return ctx },
	}
	stop := context.AfterFunc(ctx, func() { web.Close() }) //nolint:errcheck // it is over
	defer stop()
	if err := web.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve the control socket: %w", err)
	}
	return nil
}

type server struct{ lab Lab }

// answer writes a value as JSON, or the error.
func answer(w http.ResponseWriter, value any, err error) {
	w.Header().Set("Content-Type", "application/json")
	if err != nil {
		problem := Problem{Error: err.Error(), Usage: errors.Is(err, ErrUsage)}
		w.WriteHeader(http.StatusUnprocessableEntity)
		value = problem
	}
	json.NewEncoder(w).Encode(value) //nolint:errcheck // the asker went away
}

func (s server) status(w http.ResponseWriter, _ *http.Request) { answer(w, s.lab.Status(), nil) }

func (s server) strike(w http.ResponseWriter, r *http.Request) {
	var strike Strike
	if err := json.NewDecoder(io.LimitReader(r.Body, 1<<16)).Decode(&strike); err != nil {
		answer(w, nil, Usage(fmt.Errorf("read the fault: %w", err)))
		return
	}
	words := strings.Fields(strike.Fault)
	if len(words) == 0 {
		answer(w, nil, Usage(errors.New("no fault is named")))
		return
	}
	f, err := fault.Parse(words[0], words[1:]...)
	if err != nil {
		answer(w, nil, Usage(err))
		return
	}
	// Whoever asked may go away: what was begun is done.
	applied, err := s.lab.Strike(context.WithoutCancel(r.Context()), f, fault.Target(strike.Target))
	answer(w, applied, err)
}

func (s server) clear(w http.ResponseWriter, r *http.Request) {
	id, err := strconv.Atoi(r.PathValue("id"))
	if err != nil {
		answer(w, nil, Usage(fmt.Errorf("%q is no fault's number", r.PathValue("id"))))
		return
	}
	answer(w, struct{}{}, s.lab.Clear(context.WithoutCancel(r.Context()), id))
}

func (s server) clearAll(w http.ResponseWriter, r *http.Request) {
	answer(w, struct{}{}, s.lab.ClearAll(context.WithoutCancel(r.Context())))
}

func (s server) enter(w http.ResponseWriter, r *http.Request) {
	pid, err := s.lab.Enter(r.PathValue("host"))
	answer(w, pid, err)
}

// capture streams pcapng.
func (s server) capture(w http.ResponseWriter, r *http.Request) {
	out := &flushing{out: w, flush: http.NewResponseController(w).Flush}
	if err := s.lab.Capture(r.Context(), r.URL.Query().Get("place"), out); err != nil && !out.begun {
		answer(w, nil, err)
	}
}

// flushing sends each write on at once.
type flushing struct {
	out   io.Writer
	flush func() error
	begun bool
}

func (f *flushing) Write(data []byte) (int, error) {
	f.begun = true
	n, err := f.out.Write(data)
	return n, errors.Join(err, f.flush())
}

// eventsRest is how long a stream of events gathers them before it sends.
const eventsRest = 20 * time.Millisecond

// events streams the history as JSON lines: all that is in memory, or what
// comes after the event "after"; with follow also what comes from now on.
func (s server) events(w http.ResponseWriter, r *http.Request) {
	after, _ := strconv.Atoi(r.URL.Query().Get("after"))
	follow := r.URL.Query().Get("follow") != ""
	log := s.lab.Log()
	appended, end := log.Notify()
	defer end()
	w.Header().Set("Content-Type", "application/jsonl")
	flush := http.NewResponseController(w).Flush
	for {
		events := log.Since(after)
		if err := history.Write(w, events); err != nil {
			return
		}
		if len(events) > 0 {
			after = events[len(events)-1].ID
		}
		if !follow || flush() != nil {
			return
		}
		select {
		case <-r.Context().Done():
			return
		case <-appended:
		}
		select {
		case <-r.Context().Done():
			return
		case <-time.After(eventsRest):
		}
	}
}
