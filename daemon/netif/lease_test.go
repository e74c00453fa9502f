package netif

import (
	"errors"
	"fmt"
	"net/netip"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// addresses are n addresses of one family on an interface.
func addresses(index, n int, is6 bool, lifetime time.Duration) []Address {
	batch := make([]Address, n)
	for i := range batch {
		address := netip.AddrFrom4([4]byte{10, 1, byte(i / 250), byte(i % 250)})
		if is6 {
			address = netip.MustParseAddr(fmt.Sprintf("fd00::%x", i+1))
		}
		batch[i] = Address{Index: index, Prefix: netip.PrefixFrom(address, address.BitLen()), Lifetime: lifetime}
	}
	return batch
}

func TestLiveBatchIsSetAndRemoved(t *testing.T) {
	for _, is6 := range []bool{false, true} {
		t.Run(fmt.Sprintf("is6=%t", is6), func(t *testing.T) {
			inNamespace(t, func(t *testing.T, k *Kernel, a Link) {
				batch := addresses(a.Index, 3*batchMax+1, is6, 0)
				for range 2 {
					if errs := k.Set(batch...); errs != nil {
						t.Fatal(errors.Join(errs...))
					}
				}
				for _, address := range batch {
					if !has(t, k, address) {
						t.Fatalf("%s is not set, or not usable at once", address.Prefix)
					}
				}
				for range 2 {
					if errs := k.Remove(batch...); errs != nil {
						t.Fatal(errors.Join(errs...))
					}
				}
				for _, address := range batch {
					if has(t, k, address) {
						t.Fatalf("%s is not removed", address.Prefix)
					}
				}
			})
		})
	}
}

func TestLiveErrorsOfABatchStandWhereTheirAddressesDo(t *testing.T) {
	inNamespace(t, func(t *testing.T, k *Kernel, a Link) {
		batch := addresses(a.Index, 2*batchMax, false, 0)
		bad := map[int]bool{0: true, 5: true, batchMax - 1: true, batchMax: true, 2*batchMax - 1: true}
		for at := range bad {
			batch[at].Index = 99
		}
		errs := k.Set(batch...)
		if len(errs) != len(batch) {
			t.Fatalf("%d errors for %d addresses", len(errs), len(batch))
		}
		for at, err := range errs {
			if bad[at] != errors.Is(err, unix.ENODEV) {
				t.Errorf("address %d: %v", at, err)
			}
			if set := has(t, k, batch[at]); set == bad[at] {
				t.Errorf("address %d: set %t", at, set)
			}
		}
	})
}

// A lease that is renewed is no event and does not end; one that is not ends,
// and that is an event.
func TestLiveLeaseEndsUnlessRenewed(t *testing.T) {
	for _, is6 := range []bool{false, true} {
		t.Run(fmt.Sprintf("is6=%t", is6), func(t *testing.T) {
			inNamespace(t, func(t *testing.T, k *Kernel, a Link) {
				w := watch(t, k)
				w.resynchronized()
				batch := addresses(a.Index, 2, is6, time.Second)
				if errs := k.Set(batch...); errs != nil {
					t.Fatal(errors.Join(errs...))
				}
				set := time.Now()
				kept, left := plain(batch[0]), plain(batch[1])
				for _, address := range []Address{kept, left} {
					if !is6 {
						continue // see leaveOut
					}
					w.await("set", func(e Event) bool { return e == AddressSet{Address: address} })
				}
				tick := time.NewTicker(200 * time.Millisecond)
				defer tick.Stop()
				ended := false
				for !ended {
					select {
					case <-tick.C:
						if errs := k.Renew(batch[0]); errs != nil {
							t.Fatal(errors.Join(errs...))
						}
					case e := <-w.events:
						switch e.(type) {
						case AddressSet, AddressRemoved:
							if e != (AddressRemoved{Address: left}) {
								t.Fatalf("event %+v", e)
							}
							ended = true
						case LinkChanged, LinkRemoved, Resynchronized:
						}
					case <-time.After(bound):
						t.Fatal("the lease did not end")
					}
				}
				if took := time.Since(set); took < 900*time.Millisecond {
					t.Errorf("the lease ended after %s", took)
				}
				if !has(t, k, kept) {
					t.Error("the renewed lease ended")
				}
			})
		})
	}
}

// Who renews an address that is gone learns so, and does not set it.
func TestLiveRenewalDoesNotSetAgain(t *testing.T) {
	for _, is6 := range []bool{false, true} {
		t.Run(fmt.Sprintf("is6=%t", is6), func(t *testing.T) {
			inNamespace(t, func(t *testing.T, k *Kernel, a Link) {
				batch := addresses(a.Index, 3, is6, time.Minute)
				for _, errs := range [][]error{k.Set(batch...), k.Renew(batch...), k.Remove(batch[1])} {
					if errs != nil {
						t.Fatal(errors.Join(errs...))
					}
				}
				errs := k.Renew(batch...)
				if len(errs) != 3 || errs[0] != nil || !errors.Is(errs[1], ErrEnded) || errs[2] != nil {
					t.Errorf("errors %v", errs)
				}
				if has(t, k, batch[1]) {
					t.Error("the address was set again")
				}
				if !has(t, k, batch[0]) || !has(t, k, batch[2]) {
					t.Error("an address was lost")
				}
				if errs := k.Set(batch[1]); errs != nil {
					t.Error(errors.Join(errs...))
				}
				if errs := k.Remove(batch...); errs != nil || has(t, k, batch[0]) {
					t.Errorf("removal of what was renewed: %v", errs)
				}
			})
		})
	}
}

// A renewal changes the time, and nothing else that can be seen, but for the
// flag by which Renew keeps from setting addresses.
func TestLiveRenewalKeepsTheAddress(t *testing.T) {
	for _, is6 := range []bool{false, true} {
		t.Run(fmt.Sprintf("is6=%t", is6), func(t *testing.T) {
			inNamespace(t, func(t *testing.T, k *Kernel, a Link) {
				address := addresses(a.Index, 1, is6, time.Hour)[0]
				address.Label = "a:vip"
				show := func() string {
					out, err := exec.Command("ip", "-o", "addr", "show", "to", address.Prefix.String()).CombinedOutput()
					if err != nil {
						t.Fatalf("%v: %s", err, out)
					}
					return string(out)
				}
				if errs := k.Set(address); errs != nil {
					t.Fatal(errors.Join(errs...))
				}
				set := show()
				address.Lifetime = 2 * time.Hour
				if errs := k.Renew(address); errs != nil {
					t.Fatal(errors.Join(errs...))
				}
				renewed := strings.ReplaceAll(show(), " autojoin", "")
				if strings.Count(renewed, "\n") != 1 || !strings.Contains(renewed, "valid_lft 7200sec") {
					t.Errorf("after renewal:\n%s", renewed)
				}
				if set = strings.ReplaceAll(set, "3600sec", "7200sec"); set != renewed {
					t.Errorf("set:\n%srenewed:\n%s", set, renewed)
				}
			})
		})
	}
}

// BenchmarkLiveBatch compares one batch of 250 addresses with 250 single
// requests, and measures the renewal of their leases.
func BenchmarkLiveBatch(b *testing.B) {
	b.Run("batch", func(b *testing.B) {
		inBenchNamespace(b, func(k *Kernel, a Link) {
			batch := addresses(a.Index, 250, false, 0)
			for b.Loop() {
				k.Set(batch...)
				b.StopTimer()
				k.Remove(batch...)
				b.StartTimer()
			}
		})
	})
	b.Run("single", func(b *testing.B) {
		inBenchNamespace(b, func(k *Kernel, a Link) {
			batch := addresses(a.Index, 250, false, 0)
			for b.Loop() {
				for _, address := range batch {
					k.Set(address)
				}
				b.StopTimer()
				k.Remove(batch...)
				b.StartTimer()
			}
		})
	})
	b.Run("renewal", func(b *testing.B) {
		inBenchNamespace(b, func(k *Kernel, a Link) {
			batch := addresses(a.Index, 250, false, time.Minute)
			k.Set(batch...)
			for b.Loop() {
				if errs := k.Renew(batch...); errs != nil {
					b.Fatal(errors.Join(errs...))
				}
			}
		})
	})
}

// BenchmarkLiveLeaseEnd measures after what time the kernel really removes an
// address, in 20 namespaces that begin 50 ms after each other: the kernel's
// rounding depends on when in a second that is. disturbed: another address is
// renewed shortly before the end, and what the kernel does then keeps it from
// looking again for a second.
func BenchmarkLiveLeaseEnd(b *testing.B) {
	const trials, phase, beforeEnd = 20, 50 * time.Millisecond, 100 * time.Millisecond
	for _, disturbed := range []bool{false, true} {
		for _, is6 := range []bool{false, true} {
			for _, lease := range []time.Duration{time.Second, 2 * time.Second, 3 * time.Second} {
				b.Run(fmt.Sprintf("disturbed=%t/is6=%t/lease=%s", disturbed, is6, lease), func(b *testing.B) {
					for b.Loop() {
						took := make([]time.Duration, trials)
						var all sync.WaitGroup
						for i := range took {
							all.Go(func() {
								inBenchNamespace(b, func(k *Kernel, a Link) {
									w := watch(b, k)
									w.resynchronized()
									<-time.After(time.Duration(i) * phase)
									batch := addresses(a.Index, 2, is6, lease)
									batch[1].Lifetime = time.Hour
									k.Set(batch...)
									set := time.Now()
									if disturbed {
										time.AfterFunc(lease-beforeEnd, func() { k.Renew(batch[1]) })
									}
									end := plain(batch[0])
									w.await("removed", func(e Event) bool { return e == AddressRemoved{Address: end} })
									took[i] = time.Since(set)
								})
							})
						}
						all.Wait()
						slices.Sort(took)
						b.ReportMetric(float64(took[0].Milliseconds()), "shortest-ms")
						b.ReportMetric(float64(took[trials/2].Milliseconds()), "median-ms")
						b.ReportMetric(float64(took[trials-1].Milliseconds()), "longest-ms")
					}
				})
			}
		}
	}
}
