package live

import (
	"context"
	"errors"
	"fmt"
)

// silencing are faults by which node3's web server can't be reached, beside a
// wire at its port or without.
var silencing = []string{
	"link-loss", "link-down", "one-way-loss direction=from", "one-way-loss direction=to", "partition mode=isolate", "mtu-hole size=10",
	"host-crashed", "interface-removed after=10m", "traffic-dropped protocol=tcp:80", "traffic-dropped protocol=tcp:80 first=100000",
}

// strikeOverlapping has each of them overlap with a fault that brings a wire; once
// the wire is the first to end, and once the last.
func strikeOverlapping(ctx context.Context, s *Stand) {
	v := &viewer{Stand: s}
	before := v.snapshot(ctx)
	for _, other := range silencing {
		for _, wireFirst := range []bool{true, false} {
			text := fmt.Sprintf("%s, whose wire ends first: %t", other, wireFirst)
			if err := overlap(ctx, v, other, wireFirst); err != nil {
				fmt.Printf("FAIL %s: %v\n", text, err)
			}
			after := ""
			if await(ctx, func() bool { after = v.snapshot(ctx); return after == before }) {
				fmt.Printf("ok %s\n", text)
			} else {
				fmt.Printf("FAIL %s: %s\n", text, difference(before, after))
			}
		}
	}
}

func overlap(ctx context.Context, v *viewer, other string, wireFirst bool) error {
	const host, address = "node3", "10.0.0.103"
	reached, lost := answers("client", address, "200 OK"), silent(address)
	var forces [2]Force
	for i, text := range []string{"traffic-delayed delay=1ms", other} {
		f, err := parseFault(text)
		if err != nil {
			return err
		}
		if forces[i], err = v.Apply(ctx, f, host); err != nil {
			return errors.Join(err, v.ClearAll(ctx))
		}
		if want := []func(*viewer) bool{reached, lost}[i]; !await(ctx, func() bool { return want(v) }) {
			return errors.Join(fmt.Errorf("no effect of %s", text), v.ClearAll(ctx))
		}
	}
	first, second, meanwhile := forces[1], forces[0], reached
	if wireFirst {
		first, second, meanwhile = forces[0], forces[1], lost
	}
	if err := v.Clear(ctx, first.ID); err != nil {
		return errors.Join(err, v.ClearAll(ctx))
	}
	if !await(ctx, func() bool { return meanwhile(v) }) {
		return errors.Join(fmt.Errorf("without %s it is not as it should be", first.Fault), v.ClearAll(ctx))
	}
	err := v.Clear(ctx, second.ID)
	if !await(ctx, func() bool { return reached(v) }) {
		err = errors.Join(err, errors.New("it is not reached again"))
	}
	return err
}
