package bfdrun

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// kinds are the sorts of sessions; each is between hosts 1 and 2.
func kinds() []Neighbor {
	v4 := between("IPv4", "10.8.0.1", "10.8.0.2")
	v6 := between("IPv6", "fd08::1", "fd08::2")
	v4.Interface, v6.Interface = "eth0", "eth0"
	multihop4 := between("multihop-IPv4", "10.8.1.1", "10.8.2.1")
	multihop6 := between("multihop-IPv6", "fd08:1::1", "fd08:2::1")
	for _, n := range []*Neighbor{&multihop4, &multihop6} {
		n.Multihop, n.MaxHops = true, 1
	}
	return []Neighbor{v4, v6, multihop4, multihop6}
}

// reversed is the session as the other end sees it.
func reversed(n Neighbor) Neighbor {
	n.Local, n.Remote = n.Remote, n.Local
	return n
}

func TestLiveSessionsComeUpAndStop(t *testing.T) {
	linkLocal := between("link-local", "fe80::1", "fe80::2%eth0")
	all := append(kinds(), linkLocal)
	for _, n := range all {
		t.Run(n.Name, func(t *testing.T) {
			l := newLab(t)
			other := reversed(n)
			if n.Name == linkLocal.Name {
				other = between(n.Name, "fe80::2", "fe80::1%eth0")
			}
			other.Passive = true
			a, b := l.run(1, n), l.run(2, other)
			a.await(n.Name, true)
			b.await(n.Name, true)
			b.stop()
			if e := a.await(n.Name, false); !e.Administrative {
				t.Errorf("event %+v, want an administrative one", e)
			}
			// A new runner, of other discriminators.
			other.Passive = false
			l.run(2, other).await(n.Name, true)
			a.await(n.Name, true)
		})
	}
}

// TestLivePacketsFromAfarAreRefused has a neighbor behind a router claim to be
// on the link, by a session that checks the TTL and one that does not.
func TestLivePacketsFromAfarAreRefused(t *testing.T) {
	l := newLab(t)
	far := between("far", "10.8.1.1", "10.8.2.1")
	lax := between("lax", "fd08:1::1", "fd08:2::1")
	lax.MaxHops = 1
	a := l.run(1, far, lax)
	l.run(2, reversed(far), reversed(lax)).await("lax", true)
	a.await("lax", true)
	// What far sent came with the packets that lax needed.
	select {
	case e := <-a.events:
		t.Errorf("event %+v", e)
	default:
	}
}

func TestLiveReplacedInterface(t *testing.T) {
	l := newLab(t)
	n := kinds()[0]
	a, b := l.run(1, n), l.run(2, reversed(n))
	a.await(n.Name, true)
	b.await(n.Name, true)
	l.ip("-n", l.names+"1", "link", "del", "eth0") // and with it its other end
	a.await(n.Name, false)
	b.await(n.Name, false)
	l.ip("link", "add", "eth0", "netns", l.names+"1", "type", "veth", "peer", "name", "eth0", "netns", l.names+"2")
	l.up(l.names+"1", "eth0", "10.8.0.1/24")
	l.up(l.names+"2", "eth0", "10.8.0.2/24")
	a.await(n.Name, true)
	b.await(n.Name, true)
}

// keepalived starts keepalived's BFD in host 2 for the sessions that host 1
// has.
func (l *lab) keepalived(neighbors ...Neighbor) *subject {
	l.t.Helper()
	path, err := exec.LookPath("keepalived")
	if err != nil {
		l.t.Skip("skipped: keepalived is not installed")
	}
	text := ""
	for _, n := range neighbors {
		hops := "ttl 255"
		if n.Remote.Is6() {
			hops = "hoplimit 255" // its default of 64 is not RFC 5881's
		}
		text += "bfd_instance " + n.Name + " {\n    neighbor_ip " + n.Local.String() + "\n    source_ip " +
			n.Remote.String() + "\n    min_rx 50\n    min_tx 50\n    multiplier 5\n    " + hops + "\n}\n"
	}
	configuration := filepath.Join(l.dir, "keepalived.conf")
	if err := os.WriteFile(configuration, []byte(text), 0o600); err != nil {
		l.t.Fatal(err)
	}
	// Each has pid files of its own: it does not start over those of the dead.
	pid := filepath.Join(l.dir, fmt.Sprintf("keepalived-%d", labNumber.Add(1)))
	return l.start(path, "-n", "-l", "-D", "-f", configuration, "-p", pid, "-r", pid+".vrrp", "-c", pid+".check", "-b", pid+".bfd")
}

func TestLiveKeepalived(t *testing.T) {
	for _, n := range kinds() {
		if n.Multihop {
			continue // keepalived 2.2 has no such option
		}
		t.Run(n.Name, func(t *testing.T) {
			l := newLab(t)
			k := l.keepalived(n)
			a := l.run(1, n)
			a.await(n.Name, true)
			up := "(" + n.Name + ") Entering Up state"
			l.await("keepalived is Up", func() bool { return k.logs(up, 1) })
			k.kill()
			<-k.ended
			if e := a.await(n.Name, false); e.Administrative {
				t.Errorf("event %+v", e)
			}
			k = l.keepalived(n)
			a.await(n.Name, true)
			l.await("keepalived is Up again", func() bool { return k.logs(up, 2) })
			a.stop()
			l.await("keepalived knows that it is taken down", func() bool {
				return k.logs("Remote diagnostic - Administratively Down", 1)
			})
		})
	}
}

// frr starts FRR's bfdd in host 2 for the sessions that host 1 has. Without
// zebra it knows no interfaces, and needs none.
func (l *lab) frr(neighbors ...Neighbor) *subject {
	l.t.Helper()
	const path = "/usr/lib/frr/bfdd"
	for _, name := range []string{path, "vtysh"} {
		if _, err := exec.LookPath(name); err != nil {
			l.t.Skip("skipped: FRR is not installed")
		}
	}
	text := "bfd\n"
	for _, n := range neighbors {
		text += " peer " + n.Local.String()
		if n.Multihop {
			text += " multihop"
		}
		text += " local-address " + n.Remote.String() +
			"\n  detect-multiplier 5\n  receive-interval 50\n  transmit-interval 50\n  no shutdown\n !\n"
	}
	configuration := filepath.Join(l.dir, "bfdd.conf")
	if err := os.WriteFile(configuration, []byte(text), 0o644); err != nil {
		l.t.Fatal(err)
	}
	l.command("chown", "-R", "frr:frr", l.dir)
	// bfdd leaves a directory in /var/tmp: it gets one of its own.
	const private = `mount -t tmpfs tmpfs /var/tmp && exec "$0" "$@"`
	s := l.start("unshare", "--mount", "sh", "-c", private, path, "--vty_socket", l.dir, "-z", l.dir+"/zserv.api", "-i", l.dir+"/bfdd.pid",
		"-f", configuration, "--bfdctl", l.dir+"/bfdd.sock", "-P", "0", "--log", "stdout")
	l.await("bfdd answers", func() bool {
		_, err := os.Stat(filepath.Join(l.dir, "bfdd.vty"))
		return err == nil
	})
	return s
}

func (l *lab) vtysh(commands ...string) string {
	l.t.Helper()
	arguments := []string{"--vty_socket", l.dir, "-d", "bfdd"}
	for _, c := range commands {
		arguments = append(arguments, "-c", c)
	}
	return l.command("vtysh", arguments...)
}

func TestLiveFRR(t *testing.T) {
	for _, n := range kinds() {
		t.Run(n.Name, func(t *testing.T) {
			l := newLab(t)
			// Other intervals than at the start: bfdd polls.
			f := l.frr(n)
			a := l.run(1, n)
			a.await(n.Name, true)
			frrIs := func(texts ...string) func() bool {
				return func() bool {
					peers := l.vtysh("show bfd peers")
					for _, text := range texts {
						if !strings.Contains(peers, text) {
							return false
						}
					}
					return true
				}
			}
			l.await("FRR is Up at our intervals", frrIs("Status: up", "Detect-multiplier: 5\n\t\t\tReceive interval: 50ms\n\t\t\tTransmission interval: 50ms\n\t\t\tEcho receive interval: disabled"))
			f.kill()
			if e := a.await(n.Name, false); e.Administrative {
				t.Errorf("event %+v", e)
			}
			<-f.ended
			_ = os.Remove(filepath.Join(l.dir, "bfdd.vty"))
			l.frr(n)
			a.await(n.Name, true)
			a.stop()
			l.await("FRR knows that it is taken down", frrIs("Status: down", "Remote diagnostics: administratively down"))
		})
	}
}
