package report

import (
	"encoding/json"
	"fmt"
	"io"
)

// JSON writes the run, with every trial, as one indented object.
func JSON(w io.Writer, r Run) error {
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(r); err != nil {
		return fmt.Errorf("write the report as JSON: %w", err)
	}
	return nil
}
