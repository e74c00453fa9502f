// Package impair drops traffic on the switch's side of a link, where the
// subject under test can't see it.
//
// The nftables tree is installed once, before anything is measured;
// afterwards only the elements of its sets change. A Cut has a table of its own
// that is there before it drops anything. `nft list ruleset` in the
// switch's namespace shows what is in force.
//
// It imports nothing of ours.
package impair
