package config

import "log/slog"

// Log logs what is accepted and should not stay, and what has no effect yet.
func (c *Config) Log(to *slog.Logger) {
	for _, warning := range c.Warnings {
		to.Warn("configuration", "warning", warning)
	}
	for _, one := range c.Unimplemented {
		to.Warn("configuration", "unimplemented", one)
	}
	if n := len(c.Unimplemented); n > 0 {
		to.Warn("keywords accepted, not implemented", "count", n)
	}
}
