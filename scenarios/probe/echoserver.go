//go:build linux

package probe

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"

	"golang.org/x/net/ipv4"
	"golang.org/x/net/ipv6"
	"golang.org/x/sync/errgroup"
)

// EchoPort is where the echo server listens: that of RFC 862.
const EchoPort = 7

// ServeEcho answers on EchoPort on every address, until ctx ends: datagrams with
// themselves and the name behind it; connections with the name, a line, and then
// with whatever comes. Unlike RFC 862 has it, one thus knows who answers.
func ServeEcho(ctx context.Context, name string) error {
	var listen net.ListenConfig
	address := fmt.Sprintf(":%d", EchoPort)
	connections, err := listen.Listen(ctx, "tcp", address)
	if err != nil {
		return fmt.Errorf("serve echo: %w", err)
	}
	datagrams, err := listen.ListenPacket(ctx, "udp4", address)
	if err != nil {
		return fmt.Errorf("serve echo: %w", errors.Join(err, connections.Close()))
	}
	closers := []io.Closer{connections, datagrams}
	work, ctx := errgroup.WithContext(ctx)
	work.Go(func() error { return echoConnections(connections, name) })
	work.Go(func() error { return echoDatagrams4(ipv4.NewPacketConn(datagrams), name) })
	if datagrams6, err := listen.ListenPacket(ctx, "udp6", address); err == nil { // else there is no IPv6
		closers = append(closers, datagrams6)
		work.Go(func() error { return echoDatagrams6(ipv6.NewPacketConn(datagrams6), name) })
	}
	stop := context.AfterFunc(ctx, func() {
		for _, c := range closers {
			_ = c.Close()
		}
	})
	defer stop()
	if err := work.Wait(); err != nil && !errors.Is(err, net.ErrClosed) {
		return fmt.Errorf("serve echo: %w", err)
	}
	return nil
}

func echoConnections(listener net.Listener, name string) error {
	for {
		connection, err := listener.Accept()
		if err != nil {
			return err
		}
		go func() {
			defer func() { _ = connection.Close() }()
			if _, err := io.WriteString(connection, name+"\n"); err == nil {
				_, _ = io.Copy(connection, connection) // until the other end has had enough
			}
		}()
	}
}

// echoDatagrams4 answers from the address that was asked, which is not the one
// that the host would choose.
func echoDatagrams4(socket *ipv4.PacketConn, name string) error {
	if err := socket.SetControlMessage(ipv4.FlagDst, true); err != nil {
		return err
	}
	buffer := make([]byte, bodyMax)
	for {
		n, control, from, err := socket.ReadFrom(buffer)
		if err != nil {
			return err
		}
		if control != nil { // what can't be sent is lost, as on any network
			_, _ = socket.WriteTo(append(buffer[:n:n], name...), &ipv4.ControlMessage{Src: control.Dst}, from)
		}
	}
}

// echoDatagrams6 is echoDatagrams4 for IPv6.
func echoDatagrams6(socket *ipv6.PacketConn, name string) error {
	if err := socket.SetControlMessage(ipv6.FlagDst, true); err != nil {
		return err
	}
	buffer := make([]byte, bodyMax)
	for {
		n, control, from, err := socket.ReadFrom(buffer)
		if err != nil {
			return err
		}
		if control != nil {
			_, _ = socket.WriteTo(append(buffer[:n:n], name...), &ipv6.ControlMessage{Src: control.Dst}, from)
		}
	}
}
