package main

import (
	"os"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

// vipd starts itself again by /proc/self/exe, which is the test binary here:
// TestMain lets that process be vipd as well.
const beVipd = "VIPD_TEST_BE_VIPD"

func TestMain(m *testing.M) {
	if os.Getenv(beVipd) != "" {
		main()
	}
	testscript.Main(m, map[string]func(){"vipd": func() {
		if err := os.Setenv(beVipd, "1"); err != nil {
			panic(err)
		}
		main()
	}})
}

func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata",
		Condition: func(condition string) (bool, error) {
			return condition == "root" && os.Getuid() == 0, nil
		},
	})
}
