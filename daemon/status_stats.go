package daemon

import (
	"bufio"
	"context"
	"fmt"
	"io"

	"takeover/daemon/vrrp"
)

// statistics are keepalived's counters of one instance, under the names that
// its dumps give them.
type statistics struct {
	Received          uint64 `json:"advert_rcvd"`
	Sent              uint64 `json:"advert_sent"`
	BecameMaster      uint64 `json:"become_master"`
	ReleasedMaster    uint64 `json:"release_master"`
	Length            uint64 `json:"packet_len_err"`
	Interval          uint64 `json:"advert_interval_err"`
	TTL               uint64 `json:"ip_ttl_err"`
	Type              uint64 `json:"invalid_type_rcvd"`
	Addresses         uint64 `json:"addr_list_err"`
	AuthType          uint64 `json:"invalid_authtype"`
	AuthTypeMismatch  uint64 `json:"authtype_mismatch"` // always 0: a mismatch counts as a failure
	AuthFailure       uint64 `json:"auth_failure"`
	PriorityZeroHeard uint64 `json:"pri_zero_rcvd"`
	PriorityZeroSent  uint64 `json:"pri_zero_sent"`
}

func (v *instanceView) statistics() statistics {
	refused := make(map[string]uint64, len(v.refusals))
	for _, t := range v.refusals {
		refused[t.reason] = t.count
	}
	of := func(r vrrp.Refusal) uint64 { return refused[r.String()] }
	return statistics{
		Received: v.counts.received, Sent: v.counts.sent,
		BecameMaster: v.counts.becameActive, ReleasedMaster: v.counts.releasedActive,
		Length: of(vrrp.RefusedLength), Interval: of(vrrp.RefusedInterval), TTL: of(vrrp.RefusedTTL),
		Type: of(vrrp.RefusedType), Addresses: of(vrrp.RefusedAddresses),
		AuthFailure:       of(vrrp.RefusedAuthentication),
		PriorityZeroHeard: v.counts.priorityZeroReceived, PriorityZeroSent: v.counts.priorityZeroSent,
	}
}

// WriteStats writes the counters as keepalived's keepalived.stats has them.
// With clear they begin anew.
func (q *Inquiries) WriteStats(ctx context.Context, w io.Writer, clear bool) error {
	s, err := q.snapshot(ctx, clear)
	if err != nil {
		return err
	}
	b := bufio.NewWriter(w)
	for n := range s.instances {
		c := s.instances[n].statistics()
		fmt.Fprintf(b, "VRRP Instance: %s\n", s.instances[n].config.Name)
		fmt.Fprintf(b, "  Advertisements:\n    Received: %d\n    Sent: %d\n", c.Received, c.Sent)
		fmt.Fprintf(b, "  Became master: %d\n  Released master: %d\n", c.BecameMaster, c.ReleasedMaster)
		fmt.Fprintf(b, "  Packet Errors:\n    Length: %d\n    TTL: %d\n    Invalid Type: %d\n", c.Length, c.TTL, c.Type)
		fmt.Fprintf(b, "    Advertisement Interval: %d\n    Address List: %d\n", c.Interval, c.Addresses)
		fmt.Fprintf(b, "  Authentication Errors:\n    Invalid Type: %d\n", c.AuthType)
		fmt.Fprintf(b, "    Type Mismatch: %d\n    Failure: %d\n", c.AuthTypeMismatch, c.AuthFailure)
		fmt.Fprintf(b, "  Priority Zero:\n    Received: %d\n    Sent: %d\n", c.PriorityZeroHeard, c.PriorityZeroSent)
	}
	return b.Flush()
}
