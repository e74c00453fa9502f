package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"
)

func newExec() *cobra.Command {
	var f labFlags
	command := &cobra.Command{
		Use:   "exec [LAB] [HOST] -- COMMAND [ARGUMENT...]",
		Short: "Run a command in a host of a lab",
		Long: "Exec runs a command in a host: in its network, its processes, its /run and its\n" +
			"files. Without a host it runs in the sandbox around the hosts, where each of them\n" +
			"is a named network namespace. The exit code is the command's own.",
		Example: "  takeover exec failover client -- ip route get 10.0.0.200\n" +
			"  takeover exec node1 -- ip address show eth0\n" +
			"  takeover exec failover -- ip netns exec node1 ip route",
		RunE: func(c *cobra.Command, args []string) error {
			at := c.ArgsLenAtDash()
			if at < 0 || at == len(args) {
				return usage(hinted(errors.New("no command is given"), "it stands behind two hyphens: takeover exec LAB HOST -- COMMAND"))
			}
			return f.enter(c.Context(), args[:at], args[at:], nil)
		},
	}
	f.add(command)
	command.ValidArgsFunction = f.complete(hostNames)
	return command
}

func newShell() *cobra.Command {
	var f labFlags
	command := &cobra.Command{
		Use:   "shell [LAB] [HOST]",
		Short: "Open a shell in a host of a lab",
		Long:  "Shell opens a shell in a host, or in the sandbox around the hosts; see exec.",
		Example: "  takeover shell failover node1\n" +
			"  takeover shell node1",
		Args: cobra.MaximumNArgs(2),
		RunE: func(c *cobra.Command, args []string) error {
			command := []string{"sh"}
			if _, err := exec.LookPath("bash"); err == nil {
				command = []string{"bash", "--noprofile", "--norc"}
			}
			return f.enter(c.Context(), args, command, []string{`PS1=[\h] \w\$ `})
		},
	}
	f.add(command)
	command.ValidArgsFunction = f.complete(hostNames)
	return command
}

// enter becomes a command in a host of a lab, or in its sandbox.
func (f *labFlags) enter(ctx context.Context, place, command, environment []string) error {
	lab, rest, err := f.pick(place, 0)
	if err != nil {
		return err
	}
	if len(rest) > 1 {
		return usage(fmt.Errorf("%q is no lab that is up; there is %s", rest[0], lab.Name))
	}
	target := lab.Record.Sandbox
	if len(rest) == 1 {
		first, err := lab.Control().Enter(ctx, rest[0])
		if err != nil {
			return controlError(err)
		}
		if target, err = lab.Outside(first); err != nil {
			return couldNotRun(err)
		}
	}
	return couldNotRun(becomeInside(target, command, environment))
}

// insideEnvironment is what a command in a lab sees of the caller's.
var insideEnvironment = []string{"TERM", "LANG", "LC_ALL", "HOME", "COLORTERM", "NO_COLOR"}

// becomeInside replaces this process by a command in the namespaces of another.
// It returns only when it can't.
func becomeInside(pid int, command, environment []string) error {
	path, err := exec.LookPath("nsenter")
	if err != nil {
		return hinted(err, "apt install util-linux")
	}
	args := []string{"nsenter", "--target", fmt.Sprint(pid), "--mount", "--net", "--pid", "--uts", "--ipc"}
	if own, other := userNamespace("self"), userNamespace(fmt.Sprint(pid)); own != other {
		args = append(args, "--user", "--preserve-credentials")
	}
	environment = append(environment, "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin")
	for _, name := range insideEnvironment {
		if value, set := os.LookupEnv(name); set {
			environment = append(environment, name+"="+value)
		}
	}
	args = append(append(args, "--"), command...)
	return fmt.Errorf("run nsenter: %w", unix.Exec(path, args, environment))
}

func userNamespace(process string) string {
	space, _ := os.Readlink("/proc/" + process + "/ns/user")
	return space
}
