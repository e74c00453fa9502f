package config

import (
	"encoding/hex"
	"fmt"
	"math"
	"os"
	"strings"
	"time"
)

// authKeywords is the table of authentication.
var authKeywords = table[Instance]{
	where: "authentication",
	keywords: []keyword[Instance]{
		{name: "auth_type", form: "PASS|AH", min: 1, max: 1, set: func(c *converter, to *Instance, s *Statement) {
			switch kind := s.Arguments()[0]; kind {
			case "PASS":
				to.AuthType = AuthPassword
			case "AH":
				to.AuthType = AuthHeader
			default:
				c.failWithHint(s.Position, "it may be PASS or AH", "unknown auth_type %q", kind)
			}
		}},
		{name: "auth_pass", form: "PASSWORD", min: 1, max: 1, set: func(c *converter, to *Instance, s *Statement) {
			to.AuthPass = s.Arguments()[0]
			if len(to.AuthPass) > maxAuthPass {
				to.AuthPass = to.AuthPass[:maxAuthPass]
				c.warn(s.Position, "auth_pass is longer than %d bytes; the rest is not used", maxAuthPass)
			}
			if to.AuthPass == "" {
				c.fail(s.Position, "auth_pass is empty")
			}
		}},
	},
}

// maxAuthPass is the size of the Authentication Data field, in bytes
// (RFC 2338 section 5.3.10).
const maxAuthPass = 8

func setAuthentication(c *converter, to *instanceDraft, s *Statement) {
	found := authKeywords.apply(c, &to.Instance, s.Block.Nodes)
	at, typed := found["auth_type"]
	if _, pass := found["auth_pass"]; typed && !pass {
		c.fail(at, "auth_type without auth_pass")
	}
	if at, pass := found["auth_pass"]; pass && !typed {
		c.note(at, "add: auth_type PASS", "auth_pass without auth_type: nothing is authenticated")
	}
	if len(found) == 0 {
		c.note(s.Position, "it needs auth_type and auth_pass", "authentication is empty: nothing is authenticated")
	}
}

// finishAuthentication drops what the version does not have, as keepalived
// does.
func (c *converter) finishAuthentication(draft *instanceDraft) {
	if draft.HMAC != nil {
		c.finishHMAC(draft)
	}
	if draft.AuthType == AuthNone {
		draft.AuthPass = ""
		return
	}
	at := draft.found["authentication"]
	switch {
	case draft.HMAC != nil:
		c.failWithHint(at, "keepalived would drop authentication", "authentication beside auth_hmac on %s", at.lineOf(draft.found["auth_hmac"]))
		return
	case draft.AuthType == AuthHeader && draft.IPv6:
		c.fail(at, "auth_type AH is for IPv4 only, and %s makes vrrp_instance %q IPv6", at.lineOf(draft.family), draft.Name)
		return
	case draft.Version == 3:
		c.warn(at, "authentication has no effect: version 3 has none (RFC 9568 section 9)")
	case draft.Strict:
		c.warn(at, "authentication has no effect with strict_mode (RFC 3768 has none)")
	default:
		if draft.AuthType == AuthHeader && draft.InitialState == InitialMaster && draft.Priority != ownerPriority {
			draft.InitialState = InitialBackup
			c.warn(at, "state MASTER has no effect with auth_type AH: the sequence number must be heard first")
		}
		return
	}
	draft.AuthType, draft.AuthPass = AuthNone, ""
}

// hmacDraft is an auth_hmac block while it is read.
type hmacDraft struct {
	HMAC
	replay replayCheck
}

// replayCheck is anti_replay.
type replayCheck uint8

const (
	replayTime replayCheck = iota
	replayMonotonic
)

// hmacKeywords is the table of auth_hmac.
var hmacKeywords = table[hmacDraft]{
	where: "auth_hmac",
	keywords: []keyword[hmacDraft]{
		{name: "key", form: "1-255 KEY", min: 2, max: 2, repeats: true, set: addHMACKey},
		{name: "active_key", form: "1-255", min: 1, max: 1, set: func(c *converter, to *hmacDraft, s *Statement) {
			c.byte(s, &to.ActiveKey)
		}},
		{name: "time_window", form: "SECONDS", min: 1, max: 1, set: func(c *converter, to *hmacDraft, s *Statement) {
			if value, ok := c.integer(s, "time_window", s.Arguments()[0], 1, maxHMACWindow); ok {
				to.Window = time.Duration(value) * time.Second
			}
		}},
		{name: "anti_replay", form: "time|monotonic", min: 1, max: 1, set: func(c *converter, to *hmacDraft, s *Statement) {
			choose(c, s, &to.replay, "time", "monotonic")
		}},
		{name: "mode", form: "enforce|permissive|receive-only", min: 1, max: 1, set: func(c *converter, to *hmacDraft, s *Statement) {
			choose(c, s, &to.Mode, "enforce", "permissive", "receive-only")
		}},
	},
}

// What keepalived 2.4 allows in auth_hmac.
const (
	minHMACKey        = 32 // bytes
	maxHMACKey        = 64
	maxHMACWindow     = 300 // seconds
	defaultHMACWindow = 5   // at least
)

func setHMAC(c *converter, to *instanceDraft, s *Statement) {
	draft := hmacDraft{}
	found := hmacKeywords.apply(c, &draft, s.Block.Nodes)
	if at, ok := found["time_window"]; ok && draft.replay == replayMonotonic {
		c.warn(at, "time_window has no effect with anti_replay monotonic")
	}
	switch {
	case draft.replay == replayMonotonic:
		draft.Window = 0
	case draft.Window == 0:
		draft.Window = windowOfInterval
	}
	to.HMAC = &draft.HMAC
	at, ok := found["active_key"]
	if !ok {
		c.failWithHint(s.Position, "add: active_key ID", "auth_hmac has no active_key")
		return
	}
	for _, key := range draft.Keys {
		if key.ID == draft.ActiveKey {
			return
		}
	}
	c.fail(at, "active_key %d: auth_hmac has no such key", draft.ActiveKey)
}

// windowOfInterval stands for a Window that advert_int decides on.
const windowOfInterval = -1

func (c *converter) finishHMAC(draft *instanceDraft) {
	if draft.HMAC.Window == windowOfInterval {
		whole := 3 * int(draft.AdvertInterval/time.Second)
		draft.HMAC.Window = time.Duration(min(max(whole, defaultHMACWindow), maxHMACWindow)) * time.Second
	}
	if draft.Strict && draft.HMAC.Mode != HMACEnforce {
		draft.HMAC.Mode = HMACEnforce
		c.warn(draft.found["auth_hmac"], "auth_hmac's mode is enforce with strict_mode")
	}
}

func addHMACKey(c *converter, to *hmacDraft, s *Statement) {
	id, ok := c.integer(s, "key", s.Arguments()[0], 1, math.MaxUint8)
	if !ok {
		return
	}
	key := HMACKey{ID: uint8(id), Inline: s.Arguments()[1], Position: s.Position}
	for _, other := range to.Keys {
		if other.ID == key.ID {
			c.fail(s.Position, "key %d was defined on %s already", id, s.Position.lineOf(other.Position))
		}
	}
	if path, ok := strings.CutPrefix(key.Inline, "file:"); ok {
		key.Inline, key.File = "", path
		if path == "" {
			c.fail(s.Position, "key %d names no file", id)
		}
	} else if _, err := decodeHMACKey(key.Inline); err != nil {
		c.failWithHint(s.Position, "write the bytes themselves, hex:DIGITS, or file:PATH", "key %d: %v", id, err)
	}
	to.Keys = append(to.Keys, key)
}

// decodeHMACKey reads what is written as a key or stands in its file. The
// error does not quote it.
func decodeHMACKey(text string) ([]byte, error) {
	key := []byte(text)
	if digits, ok := strings.CutPrefix(text, "hex:"); ok {
		var err error
		if key, err = hex.DecodeString(digits); err != nil {
			return nil, fmt.Errorf("what follows hex: is not pairs of hexadecimal digits")
		}
	}
	if len(key) < minHMACKey || len(key) > maxHMACKey {
		return nil, fmt.Errorf("%d bytes are not %d to %d", len(key), minHMACKey, maxHMACKey)
	}
	return key, nil
}

// Secret is the key's 32 to 64 bytes, which it may have to read from File. A
// file that others than its owner can read is refused; keepalived reports it
// and goes on.
func (k HMACKey) Secret() ([]byte, error) {
	if k.File == "" {
		return decodeHMACKey(k.Inline)
	}
	const longest = len("hex:") + 2*maxHMACKey + len("\r\n")
	info, err := os.Stat(k.File)
	if err != nil {
		return nil, fmt.Errorf("read auth_hmac key %d: %w", k.ID, err)
	}
	if mode := info.Mode(); !mode.IsRegular() || mode.Perm()&0o077 != 0 || info.Size() > int64(longest) {
		return nil, fmt.Errorf("read auth_hmac key %d: %s (%s, %d bytes) is not a file of at most %d bytes for its owner only",
			k.ID, k.File, mode, info.Size(), longest)
	}
	text, err := os.ReadFile(k.File)
	if err != nil {
		return nil, fmt.Errorf("read auth_hmac key %d: %w", k.ID, err)
	}
	key, err := decodeHMACKey(strings.TrimRight(string(text), "\r\n"))
	if err != nil {
		return nil, fmt.Errorf("read auth_hmac key %d from %s: %w", k.ID, k.File, err)
	}
	return key, nil
}
