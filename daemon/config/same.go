package config

import "reflect"

// Same reports whether two parts of configurations mean the same: wherever in
// the file they stand.
func Same[T any](a, b T) bool {
	return same(reflect.ValueOf(a), reflect.ValueOf(b))
}

var positionType = reflect.TypeFor[Position]()

func same(a, b reflect.Value) bool {
	if !a.IsValid() || !b.IsValid() {
		return a.IsValid() == b.IsValid()
	}
	is := func(kind reflect.Kind) bool { return a.Kind() == kind }
	switch {
	case a.Type() == positionType:
		return true
	case is(reflect.Pointer) && (a.IsNil() || b.IsNil()):
		return a.IsNil() == b.IsNil()
	case is(reflect.Pointer):
		return same(a.Elem(), b.Elem())
	case is(reflect.Slice):
		return sameParts(a.Len(), b.Len(), func(n int) bool { return same(a.Index(n), b.Index(n)) })
	case is(reflect.Struct) && a.Type().PkgPath() == positionType.PkgPath():
		return sameParts(a.NumField(), b.NumField(), func(n int) bool { return same(a.Field(n), b.Field(n)) })
	}
	return a.Interface() == b.Interface() // numbers, texts, addresses
}

func sameParts(a, b int, isSame func(n int) bool) bool {
	if a != b {
		return false
	}
	for n := range a {
		if !isSame(n) {
			return false
		}
	}
	return true
}
