package transport

import (
	"encoding/binary"
	"encoding/json"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"takeover/daemon/vrrp"
)

// specimen is one kind of packet that a host sends, and what tshark must read
// from it.
type specimen struct {
	name   string
	send   func() error
	fields map[string]string
	// marked says that tshark finds the checksum bad: its sum goes on over
	// what follows an advertisement, and a trailer over IPv4 is not covered.
	// It finds the same in what keepalived sends.
	marked bool
}

// TestLiveTshark has tshark judge every kind of packet: no malformed or other
// mark, and all checksums good.
func TestLiveTshark(t *testing.T) {
	path, err := exec.LookPath("tshark")
	if err != nil {
		t.Skip("skipped: tshark is not installed")
	}
	betweenHosts(t, func(t *testing.T, a, b *host) {
		end := address("10.1.0.250")
		specimens := append(advertisements(t, a, b), announcements(a, end)...)
		seen := b.capture(unix.ETH_P_ALL)
		for _, s := range specimens {
			if err := s.send(); err != nil {
				t.Fatalf("%s: %v", s.name, err)
			}
		}
		file := filepath.Join(t.TempDir(), "sent.pcap")
		seen.save(file, string(gratuitousARP(a.announcer(end).settings.Hardware, end)))
		got := dissect(t, path, file)
		if len(got) != len(specimens) {
			t.Fatalf("tshark read %d packets of %d", len(got), len(specimens))
		}
		for i, s := range specimens {
			s.judge(t, got[i])
		}
	})
}

// judge compares what tshark read.
func (s specimen) judge(t *testing.T, got map[string]string) {
	t.Helper()
	for key, want := range s.fields {
		if got[key] != want {
			t.Errorf("%s: %s is %q, want %q", s.name, key, got[key], want)
		}
	}
	for key, value := range got {
		mark := strings.HasPrefix(key, "_ws.") || strings.HasSuffix(key, ".expert")
		wrong := strings.HasSuffix(key, "checksum.status") && value != "1"
		if (mark || wrong) && !s.marked {
			t.Errorf("%s: tshark marks %s %q", s.name, key, value)
		}
	}
	if s.marked && !strings.HasPrefix(got["_ws.expert.message"], "Bad checksum") {
		t.Errorf("%s: tshark says %q and no longer that the checksum is bad", s.name, got["_ws.expert.message"])
	}
}

// advertisements are those of every version, family, mode and authentication.
func advertisements(t *testing.T, a, b *host) []specimen {
	t.Helper()
	var specimens []specimen
	for _, priority := range []uint8{0, 100} {
		for _, unicast := range []bool{false, true} {
			s := sampler{t: t, a: a, b: b, priority: priority, unicast: unicast}
			specimens = append(specimens,
				s.version2("none", vrrp.Authentication{}),
				s.version2("PASS", vrrp.Authentication{Type: vrrp.AuthenticationPass, Data: [8]byte{'s', 'e', 'c'}}),
				s.ah(),
				s.version3("IPv4", a.ip4, 1),
				s.version3("IPv4, 255 addresses", a.ip4, 255),
				s.version3("IPv6", a.linkLocal, 1),
				s.version3("IPv6, 80 addresses", a.linkLocal, 80),
				s.sealed(s.version2("none", vrrp.Authentication{})),
				s.sealed(s.version3("IPv4", a.ip4, 2)),
				s.sealed(s.version3("IPv6", a.linkLocal, 2)),
			)
		}
	}
	return specimens
}

// sampler makes specimens of one priority and mode. The payload of the last
// one is kept, to be sealed.
type sampler struct {
	t        *testing.T
	a, b     *host
	priority uint8
	unicast  bool

	conn        *testConn
	source      netip.Addr
	destination netip.Addr
	payload     []byte
}

// aim opens what sends from the source.
func (s *sampler) aim(source netip.Addr, ah bool) {
	s.t.Helper()
	settings := Settings{Source: source, AH: ah}
	if s.unicast {
		settings.Peers = peersOf(s.b.linkLocal)
		if source.Is4() {
			settings.Peers = peersOf(s.b.ip4)
		}
	}
	s.conn, s.source = s.a.open(settings), source
	s.destination = s.conn.Destinations()[0]
}

// specimen encodes the advertisement for where the sampler aims.
func (s *sampler) specimen(name string, advertisement vrrp.Advertisement) specimen {
	s.t.Helper()
	var err error
	if s.payload, err = vrrp.Encode(advertisement, s.source, s.destination); err != nil {
		s.t.Fatal(err)
	}
	fields := map[string]string{"ip.ttl": "255", "ip.dsfield": "0xc0"}
	if s.source.Is6() {
		fields = map[string]string{"ipv6.hlim": "255", "ipv6.tclass": "0x000000c0"}
	}
	fields["vrrp.version"] = string('0' + rune(advertisement.Version))
	fields["vrrp.virt_rtr_id"] = "51"
	fields["vrrp.prio"] = map[uint8]string{0: "0", 100: "100"}[s.priority]
	return specimen{name: name + " to " + s.destination.String(), send: s.sending(s.payload), fields: fields}
}

func (s *sampler) sending(payload []byte) func() error {
	conn := s.conn
	return func() error { return conn.Send(payload) }
}

func (s *sampler) version2(name string, authentication vrrp.Authentication) specimen {
	s.t.Helper()
	s.aim(s.a.ip4, false)
	return s.specimen("version 2, "+name, vrrp.Advertisement{
		Version: vrrp.Version2, VRID: 51, Priority: s.priority, Interval: time.Second,
		Addresses: []netip.Addr{address("10.1.0.100")}, Authentication: authentication,
	})
}

func (s *sampler) version3(name string, source netip.Addr, count int) specimen {
	s.t.Helper()
	s.aim(source, false)
	a := vrrp.Advertisement{Version: vrrp.Version3, VRID: 51, Priority: s.priority, Interval: 100 * time.Millisecond}
	virtual := address("fe80::100")
	if source.Is4() {
		virtual = address("10.1.0.100")
	}
	for range count {
		a.Addresses = append(a.Addresses, virtual)
		virtual = virtual.Next()
	}
	return s.specimen("version 3, "+name, a)
}

func (s *sampler) ah() specimen {
	s.t.Helper()
	made := s.version2("AH", vrrp.Authentication{Type: vrrp.AuthenticationAH})
	s.aim(s.a.ip4, true)
	packet, err := vrrp.AH{Key: [8]byte{'s', 'e', 'c'}}.Seal(s.source, s.destination, TTL, 1000, s.payload)
	if err != nil {
		s.t.Fatal(err)
	}
	made.send = s.sending(packet)
	made.fields["ah.sequence"] = "1000"
	made.fields["vrrp.auth_type"] = "2"
	return made
}

// sealed appends a trailer to the last specimen.
func (s *sampler) sealed(made specimen) specimen {
	s.t.Helper()
	trailer, err := vrrp.NewTrailer(vrrp.TrailerParameters{
		Keys: map[uint8][]byte{1: make([]byte, 32)}, ActiveKey: 1, Window: 5 * time.Second,
	})
	if err != nil {
		s.t.Fatal(err)
	}
	made.name += ", trailer"
	made.send = s.sending(trailer.Seal(time.Now(), s.source, s.payload))
	made.marked = s.source.Is4()
	return made
}

// announcements are those of both families; the last is of the address end.
func announcements(a *host, end netip.Addr) []specimen {
	ip4, ip6, own := address("10.1.0.100"), address("2001:db8::100"), address("fe80::100")
	announcer := a.announcer(ip4, ip6, own, end)
	router, err := OpenAnnouncer(AnnouncerSettings{
		Interface: a.name, Index: announcer.settings.Index, Hardware: announcer.settings.Hardware,
		Addresses: []netip.Addr{ip6}, Router: true,
	})
	if err != nil {
		a.t.Fatal(err)
	}
	a.t.Cleanup(router.Close)
	announce := func(by *Announcer, address netip.Addr) func() error {
		return func() error { return by.Announce(address, 1) }
	}
	arp := func(address netip.Addr) map[string]string {
		return map[string]string{"arp.isgratuitous": "1", "arp.src.proto_ipv4": address.String(), "eth.dst": "ff:ff:ff:ff:ff:ff"}
	}
	advertisement := func(address netip.Addr, router string) map[string]string {
		return map[string]string{
			"icmpv6.type": "136", "icmpv6.nd.na.target_address": address.String(), "ipv6.src": address.String(),
			"ipv6.hlim": "255", "ipv6.dst": "ff02::1", "eth.dst": "33:33:00:00:00:01",
			"icmpv6.nd.na.flag.o": "1", "icmpv6.nd.na.flag.s": "0", "icmpv6.nd.na.flag.r": router,
			"icmpv6.opt.linkaddr": announcer.settings.Hardware.String(),
		}
	}
	return []specimen{
		{name: "gratuitous ARP", send: announce(announcer, ip4), fields: arp(ip4)},
		{name: "advertisement", send: announce(announcer, ip6), fields: advertisement(ip6, "0")},
		{name: "link-local advertisement", send: announce(announcer, own), fields: advertisement(own, "0")},
		{name: "router's advertisement", send: announce(router, ip6), fields: advertisement(ip6, "1")},
		{name: "last gratuitous ARP", send: announce(announcer, end), fields: arp(end)},
	}
}

// save writes frames to a file until the one that is last (pcap-savefile(5)).
func (f *frames) save(file, last string) {
	f.t.Helper()
	const (
		magic        = 0xa1b2c3d4
		snapLength   = 1 << 16
		linkEthernet = 1
	)
	order := binary.NativeEndian
	b := order.AppendUint32(nil, magic)
	b = order.AppendUint16(b, 2)
	b = order.AppendUint16(b, 4)
	for _, field := range []uint32{0, 0, snapLength, linkEthernet} {
		b = order.AppendUint32(b, field)
	}
	for ended := false; !ended; {
		frame := f.next()
		for _, field := range []uint32{0, 0, uint32(len(frame)), uint32(len(frame))} {
			b = order.AppendUint32(b, field)
		}
		b = append(b, frame...)
		ended = string(frame) == last
	}
	if err := os.WriteFile(file, b, 0o600); err != nil {
		f.t.Fatal(err)
	}
}

// dissect is what tshark reads from advertisements and announcements, without
// what the kernels say to each other, as that nobody listens: one flat map a
// packet.
func dissect(t *testing.T, tshark, file string) []map[string]string {
	t.Helper()
	command := exec.Command(tshark, "-n", "-r", file, "-T", "json", "-o", "ip.check_checksum:TRUE",
		"-Y", "(vrrp && !icmp && !icmpv6) || arp.isgratuitous || (icmpv6.type == 136 && ipv6.dst == ff02::1)")
	var complaint strings.Builder
	command.Stderr = &complaint
	output, err := command.Output()
	if err != nil {
		t.Fatalf("tshark: %v: %s", err, complaint.String())
	}
	var packets []any
	if err := json.Unmarshal(output, &packets); err != nil {
		t.Fatalf("tshark's answer: %v", err)
	}
	flat := make([]map[string]string, len(packets))
	for i, packet := range packets {
		flat[i] = make(map[string]string)
		flatten(packet, flat[i])
	}
	return flat
}

// flatten collects all names below node, with the text of those that have one.
func flatten(node any, into map[string]string) {
	switch node := node.(type) {
	case map[string]any:
		for key, child := range node {
			text, _ := child.(string)
			into[key] = text
			flatten(child, into)
		}
	case []any:
		for _, child := range node {
			flatten(child, into)
		}
	}
}
