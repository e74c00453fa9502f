package scene

import (
	"encoding/json"
	"fmt"

	"github.com/goccy/go-yaml"
)

// Text is the scenario as a file that Parse reads, with comment lines before it.
func (s Scene) Text(comments ...string) ([]byte, error) {
	asJSON, err := json.Marshal(s)
	if err != nil {
		return nil, fmt.Errorf("write scenario %s: %w", s.Name, err)
	}
	asYAML, err := yaml.JSONToYAML(asJSON)
	if err != nil {
		return nil, fmt.Errorf("write scenario %s: %w", s.Name, err)
	}
	var text []byte
	for _, comment := range comments {
		text = append(text, "# "+comment+"\n"...)
	}
	return append(text, asYAML...), nil
}
