package track

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestRunsAreCountedFromStartToStart(t *testing.T) {
	tests := []struct {
		name string
		busy []time.Duration // of each run
		want string          // when runs start
	}{
		{"short runs", []time.Duration{0, 300 * time.Millisecond, time.Millisecond}, "0s 1s 2s"},
		{"overrun leaves the missed start out", []time.Duration{2500 * time.Millisecond, 0, 0}, "0s 3s 4s"},
		{"run that ends when the next is due", []time.Duration{time.Second, 0, 0}, "0s 2s 3s"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				begin := time.Now()
				var starts []string
				every(ctx, time.Second, func() {
					starts = append(starts, fmt.Sprint(time.Since(begin)))
					<-time.After(test.busy[len(starts)-1])
					if len(starts) == len(test.busy) {
						cancel()
					}
				})
				if got := strings.Join(starts, " "); got != test.want {
					t.Errorf("started at %s, want %s", got, test.want)
				}
			})
		})
	}
}

func TestNothingRunsAfterTheEnd(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	every(ctx, time.Second, func() { t.Error("ran") })
}
