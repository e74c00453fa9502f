package control_test

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"takeover/scenarios/fault"
	"takeover/scenarios/history"
	"takeover/scenarios/live/control"
)

// lab is a control.Lab that remembers what it was told.
type lab struct {
	log     *history.Log
	struck  []string
	cleared []int
	ended   chan struct{} // a capture has ended
}

func (l *lab) Status() control.Status {
	return control.Status{Topology: "test", Hosts: []control.Host{{Name: "node1"}}}
}

func (l *lab) Strike(_ context.Context, f fault.Fault, target fault.Target) ([]control.Fault, error) {
	if target == "nobody" {
		return nil, control.Usage(errors.New("there is no such host now"))
	}
	if target == "broken" {
		return nil, errors.New("the fault broke")
	}
	l.struck = append(l.struck, f.String()+" on "+string(target))
	return []control.Fault{{ID: len(l.struck), Fault: f.String(), Host: string(target), Since: time.Second}}, nil
}

func (l *lab) Clear(_ context.Context, id int) error {
	l.cleared = append(l.cleared, id)
	return nil
}
func (l *lab) ClearAll(ctx context.Context) error { return l.Clear(ctx, -1) }
func (l *lab) Log() *history.Log                  { return l.log }

func (l *lab) Capture(ctx context.Context, place string, out io.Writer) error {
	defer close(l.ended)
	if place == "nowhere" {
		return control.Usage(errors.New("there is no such link"))
	}
	if _, err := io.WriteString(out, "frames of "+place+"\n"); err != nil {
		return err
	}
	<-ctx.Done()
	return nil
}

func (l *lab) Enter(host string) (int, error) {
	if strings.Contains(host, "/") {
		return 17, nil
	}
	return 0, control.Usage(errors.New("there is no such host"))
}

// serve serves a lab in a directory whose path is too long for a socket's
// address.
func serve(t *testing.T) (*lab, *control.Client) {
	t.Helper()
	directory := filepath.Join(t.TempDir(), strings.Repeat("long", 30))
	if err := os.Mkdir(directory, 0o700); err != nil {
		t.Fatal(err)
	}
	t.Chdir(directory)
	listener, err := net.Listen("unix", control.SocketName)
	if err != nil {
		t.Fatal(err)
	}
	l := &lab{log: history.NewLog(nil), ended: make(chan struct{})}
	ctx, cancel := context.WithCancel(context.Background())
	served := make(chan error)
	go func() { served <- control.Serve(ctx, listener, l) }()
	t.Cleanup(func() {
		cancel()
		if err := <-served; err != nil {
			t.Error(err)
		}
	})
	return l, control.NewClient(directory)
}

func TestWhatIsAskedAndTold(t *testing.T) {
	l, client := serve(t)
	ctx := t.Context()
	status, err := client.Status(ctx)
	if err != nil || !reflect.DeepEqual(status, l.Status()) {
		t.Errorf("status %+v, %v", status, err)
	}
	applied, err := client.Strike(ctx, control.Strike{Fault: "traffic-dropped every=3", Target: "node1"})
	if err != nil || len(applied) != 1 || applied[0].Host != "node1" || applied[0].Since != time.Second {
		t.Errorf("applied %+v, %v", applied, err)
	}
	if want := "traffic-dropped protocol=all direction=both every=3 on node1"; l.struck[0] != want {
		t.Errorf("struck %q, want %q", l.struck, want)
	}
	if err := errors.Join(client.Clear(ctx, 7), client.ClearAll(ctx)); err != nil || !reflect.DeepEqual(l.cleared, []int{7, -1}) {
		t.Errorf("cleared %v, %v", l.cleared, err)
	}
	if pid, err := client.Enter(ctx, "a/b"); err != nil || pid != 17 {
		t.Errorf("entered at %d, %v", pid, err)
	}
}

func TestRefusals(t *testing.T) {
	_, client := serve(t)
	for name, c := range map[string]struct {
		strike control.Strike
		want   string
		usage  bool
	}{
		"no fault":       {control.Strike{}, "no fault is named", true},
		"unknown":        {control.Strike{Fault: "meteor", Target: "node1"}, `unknown fault "meteor"`, true},
		"impossible":     {control.Strike{Fault: "traffic-dropped probability=130%", Target: "node1"}, "not from 0% to 100%", true},
		"nobody":         {control.Strike{Fault: "link-loss", Target: "nobody"}, "no such host now", true},
		"it went wrong":  {control.Strike{Fault: "link-loss", Target: "broken"}, "the fault broke", false},
		"without target": {control.Strike{Fault: "link-loss"}, "", false},
	} {
		_, err := client.Strike(t.Context(), c.strike)
		if c.want == "" {
			continue
		}
		if err == nil || !strings.Contains(err.Error(), c.want) || errors.Is(err, control.ErrUsage) != c.usage {
			t.Errorf("%s: error %v, usage %t", name, err, errors.Is(err, control.ErrUsage))
		}
	}
	if _, err := client.Capture(t.Context(), "nowhere"); !errors.Is(err, control.ErrUsage) {
		t.Errorf("capture of nowhere: error %v", err)
	}
	if _, err := control.NewClient(t.TempDir()).Status(t.Context()); !errors.Is(err, control.ErrGone) {
		t.Errorf("a lab that is not there: error %v", err)
	}
}

func TestEventsAreFollowed(t *testing.T) {
	l, client := serve(t)
	for _, text := range []string{"one", "two"} {
		l.log.Append(0, "", history.Note{Text: text})
	}
	ctx, cancel := context.WithCancel(t.Context())
	stream, err := client.Events(ctx, 1, true)
	if err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(stream)
	for i, want := range []string{"two", "three", "four"} {
		if !lines.Scan() || !strings.Contains(lines.Text(), want) {
			t.Fatalf("line %q lacks %q, error %v", lines.Text(), want, lines.Err())
		}
		l.log.Append(0, "", history.Note{Text: []string{"three", "four", "five"}[i]})
	}
	cancel()
	for lines.Scan() { // what was under way
	}
	past, err := client.Events(t.Context(), 0, false)
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(past)
	if err != nil || strings.Count(string(text), "\n") != 5 {
		t.Errorf("the past is %q, %v", text, err)
	}
}

func TestCaptureEndsWithItsReader(t *testing.T) {
	l, client := serve(t)
	ctx, cancel := context.WithCancel(t.Context())
	stream, err := client.Capture(ctx, "node1/eth0")
	if err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(stream).ReadString('\n')
	if err != nil || line != "frames of node1/eth0\n" {
		t.Errorf("captured %q, %v", line, err)
	}
	cancel()
	select {
	case <-l.ended:
	case <-time.After(10 * time.Second):
		t.Error("the capture goes on without a reader")
	}
}
