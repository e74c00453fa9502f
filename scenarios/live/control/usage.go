package control

import "errors"

// usageError is an error whose reason is in what was asked for.
type usageError struct{ error }

// ErrUsage is what errors.Is finds in an error whose reason is in what was
// asked for: a fault, a host or a number that there is not.
var ErrUsage = errors.New("wrong usage")

// Usage marks an error as one of ErrUsage, with its own text.
func Usage(err error) error { return usageError{err} }

func (e usageError) Is(target error) bool { return target == ErrUsage }

func (e usageError) Unwrap() error { return e.error }
