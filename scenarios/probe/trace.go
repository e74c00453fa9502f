//go:build linux

package probe

import (
	"fmt"
	"io"
	"sync"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
	"github.com/gopacket/gopacket/pcapgo"
)

// trace is a pcapng file being written by several taps.
type trace struct {
	mu     sync.Mutex
	writer *pcapgo.NgWriter
}

// newTrace writes the head of a pcapng file: one interface a port, with
// timestamps in nanoseconds.
func newTrace(out io.Writer, ports []Port) (*trace, error) {
	if len(ports) == 0 {
		return nil, fmt.Errorf("write pcapng: no ports")
	}
	options := pcapgo.NgWriterOptions{SectionInfo: pcapgo.NgSectionInfo{Application: "takeover"}}
	writer, err := pcapgo.NewNgWriterInterface(out, traceInterface(ports[0]), options)
	for _, port := range ports[1:] {
		if err != nil {
			break
		}
		_, err = writer.AddInterface(traceInterface(port))
	}
	if err != nil {
		return nil, fmt.Errorf("write pcapng: %w", err)
	}
	return &trace{writer: writer}, nil
}

func traceInterface(port Port) pcapgo.NgInterface {
	return pcapgo.NgInterface{
		Name:                port.Host,
		Description:         "the switch's port " + port.Interface,
		LinkType:            layers.LinkTypeEthernet,
		TimestampResolution: 9,
	}
}

// write adds a frame seen at the port with the index.
func (t *trace) write(index int, p packet) error {
	way := pcapgo.NgEpbFlagDirectionInbound
	if p.outgoing {
		way = pcapgo.NgEpbFlagDirectionOutbound
	}
	info := gopacket.CaptureInfo{
		Timestamp:      p.at,
		CaptureLength:  len(p.data),
		Length:         p.length,
		InterfaceIndex: index,
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	err := t.writer.WritePacketWithOptions(info, p.data, pcapgo.NgPacketOptions{
		Flags: &pcapgo.NgEpbFlags{Direction: way},
	})
	if err != nil {
		return fmt.Errorf("write pcapng: %w", err)
	}
	return nil
}

func (t *trace) flush() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if err := t.writer.Flush(); err != nil {
		return fmt.Errorf("write pcapng: %w", err)
	}
	return nil
}
