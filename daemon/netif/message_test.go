package netif

import (
	"encoding/binary"
	"encoding/hex"
	"errors"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// needsLittleEndian skips a test whose bytes are written down.
func needsLittleEndian(t testing.TB) {
	t.Helper()
	if binary.NativeEndian.Uint16([]byte{1, 0}) != 1 {
		t.Skip("skipped: the machine is big endian")
	}
}

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// The wanted bytes are as strace showed them of ip(8), with IFA_F_NODAD and
// IFA_PROTO.
func TestAddressRequestBytes(t *testing.T) {
	needsLittleEndian(t)
	a := Address{
		Index: 2, Prefix: netip.MustParsePrefix("10.1.0.100/32"), Label: "a:vip", Lifetime: 1500 * time.Millisecond,
	}
	const place = "0800 0200 0a010064" + // IFA_LOCAL
		"0800 0100 0a010064" // IFA_ADDRESS
	const nature = "0500 0b00 70000000" + // IFA_PROTO
		"1400 0600 02000000 02000000 00000000 00000000" // IFA_CACHEINFO
	tests := []struct {
		name string
		what change
		want string
	}{
		{
			"set", toSet,
			"50000000 1400 0106 07000000 00000000" + // nlmsghdr
				"02 20 02 00 02000000" + // ifaddrmsg
				place + "0a00 0300 613a76697000 0000" + // IFA_LABEL
				nature,
		},
		{
			"renew", toRenew,
			"58000000 1400 0101 07000000 00000000" +
				"02 20 02 00 02000000" +
				place + "0a00 0300 613a76697000 0000" +
				"0800 0800 02040000" + // IFA_FLAGS
				nature,
		},
		{
			"remove", toRemove,
			"28000000 1500 0100 07000000 00000000" +
				"02 20 00 00 02000000" +
				place,
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			want := unhex(t, test.want)
			if got := appendAddressRequest(nil, test.what, 7, a); !slices.Equal(got, want) {
				t.Errorf("\ngot  %x\nwant %x", got, want)
			}
		})
	}
}

func TestParseAddress(t *testing.T) {
	needsLittleEndian(t)
	const vip, malformed = "0800 0200 0a010064 0800 0100 0a010064", "malformed"
	tests := []struct{ name, body, want string }{
		{"IPv4", "02 18 80 00 07000000" + vip, "7 10.1.0.100/24"},
		{"ours", "02 18 80 00 07000000" + vip + "0500 0b00 70000000", "7 10.1.0.100/24 ours"},
		{"another's", "02 18 80 00 07000000" + vip + "0500 0b00 12000000", "7 10.1.0.100/24"},
		{"with a peer", "02 18 80 00 07000000 0800 0200 0a010064 0800 0100 0a010065", "7 10.1.0.100/32"},
		{"IPv6", "0a 40 80 00 07000000 1400 0100 fd000000000000000000000000000001", "7 fd00::1/64"},
		{"tentative", "0a 40 00 00 07000000 1400 0100 fd000000000000000000000000000001 0800 0800 40000000", "7 fd00::1/64 unusable"},
		{"another family", "07 00 00 00 07000000", ""},
		{"no address", "02 18 80 00 07000000", malformed},
		{"half a header", "02 18 80", malformed},
		{"prefix too long", "02 21 80 00 07000000" + vip, malformed},
		{"address of the other family", "0a 18 80 00 07000000" + vip, malformed},
		{"attribute too long", "02 18 80 00 07000000 0900 0200 0a010064", malformed},
		{"attribute too short", "02 18 80 00 07000000 0300 0200 0a010064", malformed},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			a, flags, ok, err := parseAddress(unhex(t, test.body))
			got := ""
			switch {
			case errors.Is(err, errMalformed):
				got = malformed
			case ok:
				got = describe(a)
				if !isUsable(flags) {
					got += " unusable"
				}
			}
			if got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}

func describe(a Address) string {
	s := string(rune('0'+a.Index)) + " " + a.Prefix.String()
	if a.Ours {
		s += " ours"
	}
	return s
}

func TestParseLink(t *testing.T) {
	needsLittleEndian(t)
	const rest = "0500 0300 61000000 0a00 0100 020000000001 0000"
	l, ok, err := parseLink(unhex(t, "00 00 0100 07000000 43100100 00000000"+rest))
	if err != nil || !ok || l.Index != 7 || l.Name != "a" || l.Hardware.String() != "02:00:00:00:00:01" || !l.Running || !l.ARP {
		t.Errorf("link %+v, ok %t, error %v", l, ok, err)
	}
	if _, ok, err := parseLink(unhex(t, "07 00 0100 07000000 43100100 00000000"+rest)); ok || err != nil {
		t.Errorf("of a bridge's port: ok %t, error %v", ok, err)
	}
	if _, _, err := parseLink(make([]byte, 15)); !errors.Is(err, errMalformed) {
		t.Errorf("half a header: error %v", err)
	}
}

func TestDumpTakes(t *testing.T) {
	needsLittleEndian(t)
	const (
		part        = "14000000 1000 0200 07000000 00000000 61626364"
		interrupted = "14000000 1000 1200 07000000 00000000 61626364"
		old         = "14000000 1000 0200 06000000 00000000 65666768"
		done        = "14000000 0300 0200 07000000 00000000 00000000"
		refused     = "14000000 0200 0000 07000000 00000000 ffffffff"
	)
	tests := []struct {
		name, datagram, want string
		end                  bool
		err                  error
	}{
		{"part", part + part, "abcdabcd", false, nil},
		{"the end", part + done, "abcd", true, nil},
		{"what was left of another", old + part, "abcd", false, nil},
		{"interrupted", part + interrupted + done, "abcd", true, errInterrupted},
		{"interrupted, and there is more", interrupted, "", false, errInterrupted},
		{"refused", refused, "", true, unix.EPERM},
		{"cut off", part + "14000000 1000 0200", "abcd", true, errMalformed},
		{"an end without a number", "10000000 0300 0200 07000000 00000000", "", true, errMalformed},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			d, got := dumper{sequence: 7}, ""
			end, err := d.take(unhex(t, test.datagram), func(body []byte) error {
				got += string(body)
				return nil
			})
			if end != test.end || !errors.Is(err, test.err) || got != test.want {
				t.Errorf("%q, end %t, error %v", got, end, err)
			}
		})
	}
}

// Whatever the kernel sends: an error or sense, and the end is reached.
func FuzzMessages(f *testing.F) {
	f.Add([]byte{})
	f.Add(make([]byte, unix.SizeofNlMsghdr))
	for _, what := range []change{toSet, toRenew, toRemove} {
		f.Add(appendAddressRequest(nil, what, 7, Address{Index: 2, Prefix: netip.MustParsePrefix("10.1.0.100/32")}))
		f.Add(appendAddressRequest(nil, what, 7, Address{Index: 2, Prefix: netip.MustParsePrefix("fd00::1/64")}))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		known := knownFrom(Resynchronized{})
		left := len(b)
		for m, err := range messages(b) {
			if err != nil {
				break
			}
			if left -= unix.SizeofNlMsghdr + len(m.body); left < 0 {
				t.Fatal("more messages than bytes")
			}
			event, err := known.event(m)
			if s, is := event.(AddressSet); is && (err != nil || !s.Address.Prefix.IsValid()) {
				t.Errorf("event %+v, error %v", event, err)
			}
		}
		if sequence, err := readAnswer(b); len(b) < unix.SizeofNlMsghdr && (sequence != 0 || err == nil) {
			t.Errorf("read sequence %d and error %v from %d bytes", sequence, err, len(b))
		}
		d := dumper{sequence: 7}
		_, _ = d.take(b, func(body []byte) error {
			_, _, err := parseLink(body)
			return err
		})
	})
}
