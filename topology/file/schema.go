package file

import (
	"encoding/json"
	"slices"
)

// Schema is the JSON Schema (2020-12) of topology files. What it allows, Read
// may still refuse: a schema knows nothing of addresses that are taken.
func Schema() []byte {
	schema := root.schema()
	schema["$schema"] = "https://json-schema.org/draft/2020-12/schema"
	schema["title"] = "Topology file of Takeover"
	text, err := json.MarshalIndent(schema, "", "  ")
	if err != nil {
		panic(err) // it is made of maps and texts
	}
	return append(text, '\n')
}

// schema is the shape as a JSON Schema.
func (s *shape) schema() map[string]any {
	var either []map[string]any
	if s.scalar != "" {
		either = append(either, s.scalarSchema())
	}
	if s.item != nil {
		either = append(either, map[string]any{"type": "array", "items": s.item.schema()})
	}
	if s.named != nil {
		either = append(either, map[string]any{"type": "object", "additionalProperties": s.named.schema()})
	}
	if s.keys != nil {
		either = append(either, s.mappingSchema())
	}
	if len(either) == 1 {
		return either[0]
	}
	return map[string]any{"anyOf": either}
}

func (s *shape) mappingSchema() map[string]any {
	properties := map[string]any{}
	required := []string{}
	for _, k := range s.keys {
		of := k.shape.schema()
		if k.summary != "" {
			of["description"] = k.summary
			of["examples"] = []string{k.example}
		}
		properties[k.name] = of
		if k.must {
			required = append(required, k.name)
		}
	}
	made := map[string]any{"type": "object", "properties": properties, "additionalProperties": false}
	if len(required) > 0 {
		made["required"] = required
	}
	if s == process {
		made["minProperties"], made["maxProperties"] = 1, 1
	}
	return made
}

func (s *shape) scalarSchema() map[string]any {
	switch {
	case s.enum != nil:
		return map[string]any{"enum": slices.Clone(s.enum)}
	case s.scalar == "integer":
		return map[string]any{"type": "integer", "minimum": s.min, "maximum": s.max}
	case s.scalar == "boolean":
		return map[string]any{"type": "boolean"}
	case s.scalar == "address":
		return map[string]any{"type": "string", "pattern": `^[0-9A-Fa-f:.]+$`}
	case s.scalar == "prefix":
		return map[string]any{"type": "string", "pattern": `^[0-9A-Fa-f:.]+/[0-9]+$`}
	default:
		return map[string]any{"type": []string{"string", "number", "boolean"}}
	}
}
