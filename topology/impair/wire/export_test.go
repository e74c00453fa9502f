package wire

// Finish is finish.
func Finish(f Frame, yield func(Frame)) { finish(f, yield) }
