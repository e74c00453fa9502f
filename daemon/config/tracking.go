package config

// addTrackScripts reads lines of NAME [weight N [reverse|noreverse]]. Whether
// the scripts exist is checked when all of the file is read.
func addTrackScripts(c *converter, to *Instance, s *Statement) {
	for _, entry := range statements(s.Block.Nodes) {
		if !trackEntry(c, entry) {
			continue
		}
		name := entry.Words[0]
		for _, other := range to.TrackScripts {
			if other.Name == name {
				c.fail(entry.Position, "script %q is tracked on line %d already", name, other.Position.Line)
			}
		}
		tracked := TrackScript{Name: name, Position: entry.Position}
		if words := entry.Arguments(); len(words) > 0 {
			reverse := false
			value, ok := c.weight(entry, words[1:], &reverse, "noreverse", "no_reverse")
			if !ok {
				continue
			}
			tracked.Weight = &value
			if len(words) > 2 {
				c.directions[tracking{to.Name, name}] = reverse
			}
		}
		to.TrackScripts = append(to.TrackScripts, tracked)
	}
}

// addTrackInterfaces reads lines of NAME [weight N [reverse]].
func addTrackInterfaces(c *converter, to *Instance, s *Statement) {
	for _, entry := range statements(s.Block.Nodes) {
		if !trackEntry(c, entry) {
			continue
		}
		tracked := TrackInterface{Name: entry.Words[0], Position: entry.Position}
		for _, other := range to.TrackInterfaces {
			if other.Name == tracked.Name {
				c.fail(entry.Position, "interface %q is tracked on line %d already", tracked.Name, other.Position.Line)
			}
		}
		ok := c.interfaceName(entry, "interface", tracked.Name)
		if words := entry.Arguments(); ok && len(words) > 0 {
			tracked.Weight, ok = c.weight(entry, words[1:], &tracked.Reverse, "noreverse", "no_reverse")
		}
		if ok {
			to.TrackInterfaces = append(to.TrackInterfaces, tracked)
		}
	}
}

// trackEntry checks the form NAME [weight N [WORD]].
func trackEntry(c *converter, s *Statement) bool {
	words := s.Arguments()
	switch {
	case s.Block != nil:
		c.fail(s.Position, "unexpected block after %q", s.Raw)
	case len(words) > 0 && words[0] != "weight":
		c.failWithHint(s.Position, "the form is: NAME [weight N [reverse]]", "unexpected %q after %q", words[0], s.Words[0])
	case len(words) == 1:
		c.fail(s.Position, "weight lacks its value")
	case len(words) > 3:
		c.fail(s.Position, "unexpected %q after the weight", words[3])
	default:
		return true
	}
	return false
}
