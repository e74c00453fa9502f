package config

import "reflect"

// Same reports whether two parts of configurations mean the same: wherever in
// the file they stand.
func Same[T any](a, b T) bool {
	return same(reflect.ValueOf(a), reflect.ValueOf(b))
}

var positionType = reflect.TypeFor[Position]()

func same(a, b reflect.Value) bool {
	switch {
	case a.IsValid() != b.IsValid():
		return false
	case !a.IsValid() || a.Type() == positionType:
		return true
	}
	switch a.Kind() {
	case reflect.Pointer:
		if a.IsNil() || b.IsNil() {
			return a.IsNil() == b.IsNil()
		}
		return same(a.Elem(), b.Elem())
	case reflect.Slice:
		if a.Len() != b.Len() {
			return false
		}
		for n := range a.Len() {
			if !same(a.Index(n), b.Index(n)) {
				return false
			}
		}
		return true
	case reflect.Struct:
		if a.Type().PkgPath() != positionType.PkgPath() {
			return a.Interface() == b.Interface() // netip.Addr, netip.Prefix
		}
		for n := range a.NumField() {
			if !same(a.Field(n), b.Field(n)) {
				return false
			}
		}
		return true
	}
	return a.Interface() == b.Interface()
}
