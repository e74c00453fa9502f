package config

import (
	"strconv"
	"strings"
)

// umaskBits are the names that umask knows: those of S_IRUSR and so on
// (inode(7)), without what is before the first underscore.
var umaskBits = map[string]int{
	"IRUSR": 0o400, "IWUSR": 0o200, "IXUSR": 0o100,
	"IRGRP": 0o040, "IWGRP": 0o020, "IXGRP": 0o010,
	"IROTH": 0o004, "IWOTH": 0o002, "IXOTH": 0o001,
}

// setUmask reads a number as strtol(3) does, or names of bits with | between
// them.
func setUmask(c *converter, to *globalDraft, s *Statement) {
	text := strings.Join(s.Arguments(), "")
	if number, err := strconv.ParseUint(text, 0, 9); err == nil {
		umask := int(number)
		to.Umask = &umask
		return
	}
	umask := 0
	for name := range strings.SplitSeq(text, "|") {
		bit, known := umaskBits[name]
		if !known {
			c.failWithHint(s.Position, "it is a number up to 0777, or bits such as IWGRP|IWOTH", "wrong umask %q", text)
			return
		}
		umask |= bit
	}
	to.Umask = &umask
}
