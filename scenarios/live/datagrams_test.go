package live

import (
	"net"
	"strings"
	"time"

	"github.com/containernetworking/plugins/pkg/ns"
)

// datagrams are sent by the client to node3, numbered.
const (
	datagrams     = 6
	mostDatagrams = 2 * datagrams
	datagramsEnd  = 300 * time.Millisecond // without any more
)

// exchange sends them, returns those that come, in order, and how long until
// the last came.
func (v *viewer) exchange() (came string, took time.Duration) {
	var sender net.Conn
	var receiver *net.UDPConn
	err := v.lab.Host("node3").Network.Do(func(ns.NetNS) (err error) {
		receiver, err = net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(10, 0, 0, 103), Port: 9})
		return err
	})
	if err != nil {
		return err.Error(), 0
	}
	defer receiver.Close()
	err = v.lab.Host("client").Network.Do(func(ns.NetNS) (err error) {
		sender, err = net.Dial("udp", "10.0.0.103:9")
		return err
	})
	if err != nil {
		return err.Error(), 0
	}
	defer sender.Close()
	began := time.Now()
	for n := range datagrams {
		_, _ = sender.Write([]byte{byte('1' + n)})
	}
	var all []string
	buffer := make([]byte, 100)
	for {
		_ = receiver.SetReadDeadline(time.Now().Add(datagramsEnd))
		n, err := receiver.Read(buffer)
		if err != nil {
			return strings.Join(all, " "), took
		}
		took = time.Since(began)
		all = append(all, string(buffer[:n]))
		if len(all) == mostDatagrams {
			return strings.Join(all, " "), took
		}
	}
}

// exchanged says that these come. The neighbour entry is there: the client asks
// for the web server's page first.
func exchanged(want string) func(*viewer) bool {
	return func(v *viewer) bool {
		v.fetch("client", "10.0.0.103")
		came, _ := v.exchange()
		return came == want
	}
}

// replayed says that the last comes again and again.
func replayed(v *viewer) bool {
	came, _ := v.exchange()
	return strings.Count(came, "6") >= 3
}

// late says that all come, the last not before so much time.
func late(least time.Duration) func(*viewer) bool {
	return func(v *viewer) bool {
		came, took := v.exchange()
		return came == "1 2 3 4 5 6" && took >= least
	}
}
