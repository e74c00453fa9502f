package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/spf13/cobra"
)

func newCapture() *cobra.Command {
	var (
		f     labFlags
		file  string
		after time.Duration
	)
	command := &cobra.Command{
		Use:   "capture [LAB] [HOST[/INTERFACE]] -w FILE",
		Short: "Capture the frames at the ports of a lab's switch",
		Long: "Capture writes every frame at the ports of the switch, of all hosts, of one or of\n" +
			"one link, as pcapng with an interface a port, until Ctrl-C.",
		Example: "  takeover capture failover -w all.pcapng --duration 2s\n" +
			"  takeover capture failover node1/eth0 -w - | wireshark -k -i -",
		Args: cobra.MaximumNArgs(2),
		RunE: func(c *cobra.Command, args []string) error {
			lab, rest, err := f.pick(args, 0)
			if err != nil {
				return err
			}
			if len(rest) > 1 {
				return usage(fmt.Errorf("%q is no lab that is up; there is %s", rest[0], lab.Name))
			}
			if file == "" || file == "-" && isTerminal(os.Stdout) {
				return usage(hinted(errors.New("a capture is nothing for a terminal"), "-w FILE, or -w - into a program"))
			}
			place := append(rest, "")[0]
			ctx := c.Context()
			if after > 0 {
				var cancel context.CancelFunc
				ctx, cancel = context.WithTimeout(ctx, after)
				defer cancel()
			}
			stream, err := lab.Control().Capture(ctx, place)
			if err != nil {
				return controlError(err)
			}
			defer stream.Close()
			return writeCapture(ctx, c.OutOrStdout(), file, stream)
		},
	}
	f.add(command)
	command.Flags().StringVarP(&file, "write", "w", "", "the file to write; - is standard output")
	command.Flags().DurationVar(&after, "duration", 0, "end after so long (0: with Ctrl-C)")
	command.ValidArgsFunction = f.complete(hostNames)
	return command
}

// writeCapture copies the stream until ctx ends or the lab is gone.
func writeCapture(ctx context.Context, out io.Writer, path string, stream io.Reader) error {
	if path != "-" {
		file, err := os.Create(path)
		if err != nil {
			return usage(err)
		}
		defer file.Close()
		out = file
	}
	_, err := io.Copy(out, stream)
	if file, is := out.(*os.File); is && path != "-" {
		err = errors.Join(ignoreEnd(ctx, err), file.Close())
	}
	if err = ignoreEnd(ctx, err); err != nil {
		return couldNotRun(err)
	}
	return nil
}

// ignoreEnd forgives what comes of the end of ctx.
func ignoreEnd(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return nil
	}
	return err
}
