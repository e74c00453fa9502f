package bfd

import (
	"errors"
	"fmt"
	"time"
)

const (
	// idleMin is the shortest interval of sending while not Up
	// (RFC 5880 §6.8.3).
	idleMin = time.Second
	// intervalMin is the shortest interval that a program can be hoped to
	// keep.
	intervalMin = time.Millisecond
)

// check says what is wrong with p, naming the field.
func (p Parameters) check() error {
	if p.Discriminator == 0 {
		return errors.New("discriminator 0")
	}
	if p.Multiplier == 0 {
		return errors.New("multiplier 0 is not 1 to 255")
	}
	if err := checkIntervals(p.DesiredMinTx, p.RequiredMinRx); err != nil {
		return err
	}
	if p.IdleTx == 0 {
		return nil
	}
	if p.IdleTx < idleMin || p.IdleTx > intervalMax || p.IdleTx%time.Microsecond != 0 {
		return fmt.Errorf("idle interval %s is not %s to %s", p.IdleTx, idleMin, intervalMax)
	}
	return nil
}

func checkIntervals(desiredMinTx, requiredMinRx time.Duration) error {
	for _, f := range [...]struct {
		name  string
		value time.Duration
	}{
		{"desired transmit interval", desiredMinTx},
		{"required receive interval", requiredMinRx},
	} {
		if f.value < intervalMin || f.value > intervalMax || f.value%time.Microsecond != 0 {
			return fmt.Errorf("%s %s is not %s to %s in microseconds", f.name, f.value, intervalMin, intervalMax)
		}
	}
	return nil
}
