package config

import (
	"os"
	"strings"
	"testing"
)

// TestEveryKeywordIsDocumented looks for each keyword of each block under the
// block's heading.
func TestEveryKeywordIsDocumented(t *testing.T) {
	text, err := os.ReadFile("../../docs/configuration.md")
	if err != nil {
		t.Fatal(err)
	}
	sections := map[string]string{}
	heading := ""
	for line := range strings.Lines(string(text)) {
		if name, ok := strings.CutPrefix(strings.TrimLeft(line, "#"), " "); ok && line[0] == '#' {
			heading = strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(name), " NAME"))
		}
		sections[heading] += line
	}
	check := func(section string, names []string) {
		for _, name := range names {
			if !strings.Contains(sections[section], "`"+name+"`") && !strings.Contains(sections[section], "`"+name+" ") {
				t.Errorf("%s: %s is not documented", section, name)
			}
		}
	}
	check("global_defs", names(&globalKeywords))
	check("vrrp_instance", names(&instanceKeywords))
	check("vrrp_instance", []string{"authentication", "unicast_peer"})
	check("auth_hmac", names(&hmacKeywords))
	check("vrrp_sync_group", names(&groupKeywords))
	check("vrrp_script", names(&scriptKeywords))
	check("vrrp_track_process", names(&processKeywords))
	check("track_file", names(&fileKeywords))
	check("bfd_instance", names(&bfdKeywords))
	check("Beyond keepalived", extensionNames)
}

// names are the keywords of a table that keepalived has too.
func names[T any](of *table[T]) []string {
	var all []string
	for i := range of.keywords {
		if !of.keywords[i].ours {
			all = append(all, of.keywords[i].name)
		}
	}
	return all
}
