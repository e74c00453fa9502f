package main

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"syscall"

	"golang.org/x/sys/unix"
)

const (
	// backgroundVariable says that descriptor 3 awaits a report.
	backgroundVariable = "VIPD_BACKGROUND"
	reportDescriptor   = 3
	readyText          = "ready\n"
)

// background starts the daemon in a session of its own, and returns when it
// has its sockets open, or has failed.
func background(stderr io.Writer) int {
	reader, writer, err := os.Pipe()
	if err != nil {
		printError(stderr, fmt.Errorf("start in the background: %w", err))
		return exitError
	}
	process := exec.Command("/proc/self/exe", os.Args[1:]...)
	process.Args[0] = os.Args[0]
	process.Env = append(os.Environ(), backgroundVariable+"=1")
	process.Stderr = os.Stderr
	process.ExtraFiles = []*os.File{writer}
	process.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	err = process.Start()
	_ = writer.Close() // the child has its own
	if err != nil {
		printError(stderr, fmt.Errorf("start in the background: %w", err))
		return exitError
	}
	text, err := io.ReadAll(reader)
	if err == nil && string(text) == readyText {
		return exitOK
	}
	// It has ended, or is about to: its own message says why.
	_ = process.Wait()
	return exitError
}

// report is how a background process tells that it is ready; nil where nobody
// asked.
type report struct{ pipe *os.File }

// takeReport takes what background handed over, so that no child inherits it.
func takeReport() *report {
	if os.Getenv(backgroundVariable) == "" {
		return nil
	}
	_ = os.Unsetenv(backgroundVariable) // its name is valid: it cannot fail
	unix.CloseOnExec(reportDescriptor)
	return &report{pipe: os.NewFile(reportDescriptor, "report")}
}

// ready lets background return, and with it whoever started vipd.
func (r *report) ready() {
	if r == nil {
		return
	}
	// Nobody reads any more when the starter was killed; the daemon goes on.
	_, _ = r.pipe.WriteString(readyText)
	_ = r.pipe.Close()
}
