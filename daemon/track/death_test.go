package track

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// helperScript names the script that the test binary runs when it is started
// as a daemon that is going to be killed.
const helperScript = "TRACK_TEST_SCRIPT"

func TestMain(m *testing.M) {
	if script := os.Getenv(helperScript); script != "" {
		s := &Script{Name: "chk", Command: []string{script}, Interval: time.Hour, Timeout: time.Hour}
		s.Run(context.Background(), make(chan Result))
		return
	}
	os.Exit(m.Run())
}

func TestScriptEndsWithADaemonThatIsKilled(t *testing.T) {
	pidFile := filepath.Join(t.TempDir(), "pid")
	script := program(t, `echo $$ > `+pidFile+`; exec sleep 30`)
	daemon := exec.Command(os.Args[0])
	daemon.Env = append(os.Environ(), helperScript+"="+script)
	if err := daemon.Start(); err != nil {
		t.Fatal(err)
	}
	group := readNumber(t, pidFile)
	if err := daemon.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = daemon.Wait() // it was killed
	waitGone(t, group)
}
