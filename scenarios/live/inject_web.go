package live

import (
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	"golang.org/x/sys/unix"

	"takeover/scenarios/fault"
	"takeover/topology/sandbox"
)

// wrongWebRole is a web server that answers wrongly, late or not at all.
const wrongWebRole = "wrong-web"

// modeRefuse needs no server.
const modeRefuse = "refuse"

// prepareWrongWeb puts another server into the web server's place. It waits for
// the port already when that is killed.
func (s *Stand) prepareWrongWeb(f fault.Fault, host string) (injection, error) {
	killed, err := s.prepareWeb(host)
	if err != nil || f.Mode == modeRefuse {
		return killed, err
	}
	machine, err := s.lab.Host(host).Machine()
	if err != nil {
		return injection{}, err
	}
	var said sandboxOutput
	command := sandbox.Command{Name: wrongWebRole, Env: environment(), Output: &said}
	command.Path, command.Args = sandbox.RoleCommand(wrongWebRole, f.Mode, answerOf(s.lab.Host(host).Spec), f.Delay.String())
	server, err := machine.Start(command)
	if err != nil {
		return injection{}, err
	}
	return injection{killed.apply, func() error {
		if err := unix.Kill(server.PID, unix.SIGKILL); err != nil && !errors.Is(err, unix.ESRCH) {
			return err
		}
		return errors.Join(awaitEnd(server), killed.undo())
	}}, nil
}

// sandboxOutput drops what a helper says.
type sandboxOutput struct{}

func (sandboxOutput) Write(p []byte) (int, error) { return len(p), nil }

const (
	portBound = 30 * time.Second
	portAgain = time.Millisecond
	// truncatedBytes is what a truncated answer promises.
	truncatedBytes = 4096
)

// serveWrongly waits for port 80, and serves it: MODE TEXT DELAY.
func serveWrongly(args []string) error {
	if len(args) != 3 {
		return fmt.Errorf("the wrong web server takes a mode, a text and a delay, not %q", args)
	}
	delay, err := time.ParseDuration(args[2])
	if err != nil {
		return err
	}
	var listener net.Listener
	for deadline := time.Now().Add(portBound); ; time.Sleep(portAgain) {
		if listener, err = net.Listen("tcp", ":80"); err == nil {
			break
		}
		if time.Now().After(deadline) {
			return err
		}
	}
	for {
		conn, err := listener.Accept()
		if err != nil {
			return err
		}
		go answerWrongly(conn, args[0], args[1]+"\n", delay)
	}
}

// answerWrongly reads one request, or what there is of it, and answers.
func answerWrongly(conn net.Conn, mode, text string, delay time.Duration) {
	defer conn.Close()
	_, err := conn.Read(make([]byte, 1<<12))
	if err != nil {
		return
	}
	answer := func(status string, length int) {
		// The asker may have gone away.
		_, _ = fmt.Fprintf(conn, "HTTP/1.1 %s\r\nContent-Type: text/plain\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s", status, length, text)
	}
	switch mode {
	case "error":
		answer("500 Internal Server Error", len(text))
	case "hang":
		_, _ = io.Copy(io.Discard, conn) // until the asker gives up
	case "slow":
		time.Sleep(delay)
		answer("200 OK", len(text))
	case "truncate":
		answer("200 OK", truncatedBytes)
	}
}
