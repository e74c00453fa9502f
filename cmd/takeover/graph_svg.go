package main

import (
	"encoding/xml"
	"fmt"
	"io"
	"slices"
	"strings"
)

// The measures of the drawing, in pixels.
const (
	svgMargin  = 24
	svgBox     = 190 // a host's width
	svgGap     = 24  // between hosts
	svgLine    = 17  // of text
	svgPadding = 10
	svgDrop    = 46 // from a segment to its hosts
	svgBelow   = 60 // from the hosts to the next segment
	svgTitle   = 40
)

const svgStyle = `
text { font: 12px ui-monospace, "DejaVu Sans Mono", monospace; fill: #1f2933; }
.title { font-size: 15px; font-weight: bold; }
.name { font-weight: bold; }
.quiet { fill: #6b7785; }
.segment { stroke: #52606d; stroke-width: 5; stroke-linecap: round; }
.link { stroke: #7b8794; stroke-width: 1.5; fill: none; }
.broken { stroke: #cf1124; stroke-dasharray: 5 4; }
.uplink { stroke: #52606d; stroke-width: 3; }
.host { fill: #f5f7fa; stroke: #9aa5b1; }
.owner { fill: #e3f9e5; stroke: #18981d; stroke-width: 2; }
.struck { stroke: #cf1124; stroke-width: 2; }
.vip { fill: #0f6b12; font-weight: bold; }
.fault { fill: #cf1124; font-weight: bold; }
`

// svgLabel is a line of text in a host's box.
type svgLabel struct{ class, text string }

// labels are what stands in a host's box.
func (h drawnHost) labels() []svgLabel {
	all := []svgLabel{{"name", h.name}, {"quiet", h.role}}
	for _, link := range h.links {
		all = append(all, svgLabel{"", strings.TrimSpace(link.device + " " + link.addresses)})
	}
	for _, vip := range h.owns {
		all = append(all, svgLabel{"vip", "● " + vip.text})
	}
	for _, name := range h.stopped {
		all = append(all, svgLabel{"fault", "✗ " + name})
	}
	for _, fault := range h.faults {
		all = append(all, svgLabel{"fault", "⚡ " + fault})
	}
	return all
}

// svgCanvas collects the drawing's parts: lines are drawn below boxes.
type svgCanvas struct {
	lines, boxes strings.Builder
	rows         map[string]int // a segment's height
	width        int
}

// drawSVG draws each segment as a bar with its hosts below it.
func drawSVG(out io.Writer, name string, d drawing) error {
	c := &svgCanvas{rows: map[string]int{}, width: 2*svgMargin + 2*svgBox}
	y := svgMargin + svgTitle
	var tops []int
	for _, segment := range d.segments {
		tops = append(tops, y)
		c.rows[segment.Name] = y
		y += svgDrop + segment.height() + svgBelow
		boxes := len(segment.hosts) + choose(segment.more > 0, 1, 0)
		c.width = max(c.width, 2*svgMargin+boxes*(svgBox+svgGap))
	}
	for i, segment := range d.segments {
		c.segment(segment, tops[i])
	}
	_, err := fmt.Fprintf(out, `<svg xmlns="http://www.w3.org/2000/svg" width="%[1]d" height="%[2]d" viewBox="0 0 %[1]d %[2]d">
<style>%[3]s</style>
<rect width="100%%" height="100%%" fill="white"/>
<text class="title" x="%[4]d" y="%[5]d">%[6]s</text>
%[7]s%[8]s</svg>
`, c.width, y, svgStyle, svgMargin, svgMargin+6, escaped(name), c.lines.String(), c.boxes.String())
	return err
}

// height is that of the highest of a segment's hosts.
func (s drawnSegment) height() int {
	highest := 0
	for _, host := range s.hosts {
		highest = max(highest, host.height())
	}
	return highest
}

func (h drawnHost) height() int { return len(h.labels())*svgLine + 2*svgPadding }

func (c *svgCanvas) segment(s drawnSegment, y int) {
	fmt.Fprintf(&c.lines, "<line class=\"segment\" x1=\"%d\" y1=\"%d\" x2=\"%d\" y2=\"%[2]d\"/>\n", svgMargin, y, c.width-svgMargin)
	fmt.Fprintf(&c.boxes, "<text class=\"name\" x=\"%d\" y=\"%d\">%s</text>\n", svgMargin, y-9, escaped(segmentTitle(s.Segment)))
	for _, uplink := range s.Uplinks {
		x := c.width - svgMargin - 12
		fmt.Fprintf(&c.lines, "<line class=\"uplink\" x1=\"%[1]d\" y1=\"%[2]d\" x2=\"%[1]d\" y2=\"%[3]d\"/>\n", x, y, c.rows[uplink])
	}
	x := svgMargin
	for _, host := range s.hosts {
		c.host(host, x, y+svgDrop)
		x += svgBox + svgGap
	}
	if s.more > 0 {
		fmt.Fprintf(&c.boxes, "<text class=\"quiet\" x=\"%d\" y=\"%d\">and %d hosts more</text>\n", x+svgPadding, y+svgDrop+svgLine, s.more)
	}
}

// host draws a box and the lines from it to its segments.
func (c *svgCanvas) host(h drawnHost, x, y int) {
	for i, link := range h.links {
		bar, drawn := c.rows[link.segment]
		if !drawn {
			continue
		}
		from := choose(bar > y, y+h.height(), y)
		at := x + svgBox*(i+1)/(len(h.links)+1)
		fmt.Fprintf(&c.lines, "<line class=\"%s\" x1=\"%[2]d\" y1=\"%d\" x2=\"%[2]d\" y2=\"%[4]d\"/>\n",
			choose(link.broken, "link broken", "link"), at, from, bar)
		fmt.Fprintf(&c.lines, "<text class=\"quiet\" x=\"%d\" y=\"%d\">%s</text>\n", at+5, choose(bar > y, from+16, from-6), escaped(link.device))
	}
	class := "host"
	if len(h.owns) > 0 {
		class += " owner"
	}
	if len(h.faults) > 0 {
		class += " struck"
	}
	fmt.Fprintf(&c.boxes, "<rect class=\"%s\" x=\"%d\" y=\"%d\" width=\"%d\" height=\"%d\" rx=\"6\"/>\n", class, x, y, svgBox, h.height())
	for i, label := range h.labels() {
		fmt.Fprintf(&c.boxes, "<text class=\"%s\" x=\"%d\" y=\"%d\">%s</text>\n",
			label.class, x+svgPadding, y+svgPadding+13+i*svgLine, escaped(fitted(label.text)))
	}
}

// fitted shortens a text to what a box has room for.
func fitted(text string) string {
	const room = (svgBox - 2*svgPadding) * 10 / 73 // 7.3 pixels a character
	letters := []rune(text)
	if len(letters) <= room {
		return text
	}
	return string(slices.Concat(letters[:room-1], []rune("…")))
}

func escaped(text string) string {
	var out strings.Builder
	_ = xml.EscapeText(&out, []byte(text)) // a strings.Builder takes all
	return out.String()
}
