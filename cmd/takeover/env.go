package main

import (
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// variablePrefix begins the environment variable of every flag: that of
// --icmp-period is TAKEOVER_ICMP_PERIOD.
const variablePrefix = "TAKEOVER_"

func variableOf(flag string) string {
	return variablePrefix + strings.ToUpper(strings.ReplaceAll(flag, "-", "_"))
}

// flagsFromEnvironment gives the command's flags that are not on the command
// line the values of their variables.
func flagsFromEnvironment(command *cobra.Command, _ []string) error {
	var failure error
	command.Flags().VisitAll(func(flag *pflag.Flag) {
		value, set := os.LookupEnv(variableOf(flag.Name))
		if !set || flag.Changed || flag.Name == "help" || flag.Name == "version" || failure != nil {
			return
		}
		if err := command.Flags().Set(flag.Name, value); err != nil {
			failure = usage(fmt.Errorf("%s: %w", variableOf(flag.Name), err))
		}
	})
	return failure
}
