package rules

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/token"

	"github.com/privatereply/privatereply"
)

var (
	ruleFields = []string{"name", "when", "reply", "ask", "ignore", "buttons", "quick_replies", "public", "hide", "once", "hold", "paused"}
	// Names become search attributes, parts of reasons and arguments of commands.
	namePattern = regexp.MustCompile(`^[a-z0-9][a-z0-9_-]{0,63}$`)
)

// maxHold is the longest hold after which a reply can still be sent.
const maxHold = privatereply.ReplyPeriod - privatereply.DeadlineMargin

// rule understands d and adds to ps what is wrong in it.
func (d rawRule) rule(ps *problems) rule {
	var r rule
	add := d.reporter(ps)
	r.Name = d.name(add)
	r.When, r.condition = d.when(add)
	texts := d.action(&r, add)
	if len(texts) > 0 {
		r.Text = texts[0]
	}
	if len(texts) > 1 {
		r.Variants = texts
	}
	d.message(&r, texts, ps)
	r.Hide = d.boolean("hide", "write hide: true to hide the comment, or remove the field", add)
	r.Once = d.once(add)
	d.checkAction(r, add)
	r.Hold = d.hold(r.Action, add)
	r.Paused = d.boolean("paused", "write paused: true to have a person decide what this rule would send, or remove the field", add)
	return r
}

// label is the name of the rule in problems.
func (d rawRule) label() string {
	if node, ok := d.fields["name"]; ok && namePattern.MatchString(scalarOrNumber(node)) {
		return strconv.Quote(scalarOrNumber(node))
	}
	return "#" + strconv.Itoa(d.number)
}

// problem is a problem with a field of d such as reply or buttons[0].title, or with all of d
// when field is empty.
func (d rawRule) problem(field, message string) Problem {
	p := Problem{Line: d.line, Rule: d.label(), Field: field, Message: message}
	for path := field; path != ""; path = path[:max(0, strings.LastIndexAny(path, ".["))] {
		if node, ok := d.fields[path]; ok {
			p.Line, p.Column = lineOf(node), columnOf(node)
			break
		}
	}
	return p
}

func (d rawRule) reporter(ps *problems) reportFunc {
	return func(field, message string) { ps.add(d.problem(field, message)) }
}

// reportFunc adds a problem with a field of a rule.
type reportFunc func(field, message string)

const nameHelp = "use small letters, digits, - and _, at most 64, as in price-list"

func (d rawRule) name(add reportFunc) string {
	node, ok := d.fields["name"]
	if !ok {
		add("name", "it is missing; every rule needs a name of its own: "+nameHelp)
		return ""
	}
	name := scalarOrNumber(node)
	if !namePattern.MatchString(name) {
		add("name", fmt.Sprintf("%s is not a name; %s", quotedNode(node), nameHelp))
		return ""
	}
	if name == TooSlow {
		add("name", fmt.Sprintf("%q is how the product says that it had no time for the rules; choose another name", name))
		return ""
	}
	return name
}

func scalarOrNumber(node ast.Node) string {
	if number, ok := node.(*ast.IntegerNode); ok {
		return number.Token.Value
	}
	return scalar(node)
}

func (d rawRule) when(add reportFunc) (string, *condition) {
	node, ok := d.fields["when"]
	if !ok {
		return "", nil
	}
	when := scalar(node)
	switch {
	case isEmpty(node):
		add("when", "it is empty; leave the field out for a rule that always applies")
		return "", nil
	case !isText(node):
		add("when", "it is not a condition; leave the field out for a rule that always applies, or put the condition in quotes")
		return "", nil
	}
	c, errs := compile(when)
	for _, err := range errs {
		add("when", err.Error())
	}
	return when, c
}

// textField is the field that holds an action's text.
var textField = map[privatereply.Action]string{privatereply.ActionAuto: "reply", privatereply.ActionAsk: "ask"}

// action reads what r does, and returns the variants of its text.
func (d rawRule) action(r *rule, add reportFunc) (texts []string) {
	var found []string
	for _, field := range []string{"reply", "ask", "ignore"} {
		if _, ok := d.fields[field]; ok {
			found = append(found, field)
		}
	}
	if len(found) != 1 {
		message := "it does nothing"
		if len(found) > 1 {
			message = "it has " + strings.Join(found, " and ")
		}
		add("", message+"; give it exactly one of reply (send this text), ask (a person decides) and ignore (leave the comment alone)")
		return nil
	}
	field := found[0]
	boolean, isBool := d.fields[field].(*ast.BoolNode)
	switch field {
	case "reply":
		r.Action = privatereply.ActionAuto
		return d.texts("reply", "write the text to send", add)
	case "ask":
		r.Action = privatereply.ActionAsk
		switch {
		case isBool && boolean.Value:
		case isBool:
			add("ask", "false has no meaning here; remove the rule, or write the text to propose")
		default:
			return d.texts("ask", "write the text to propose, or true to propose none", add)
		}
	case "ignore":
		r.Action = privatereply.ActionIgnore
		if !isBool || !boolean.Value {
			add("ignore", "the only value is true: ignore: true; remove the rule to no longer ignore these comments")
		}
	}
	return nil
}

// checkAction adds what does not go with what r does.
func (d rawRule) checkAction(r rule, add reportFunc) {
	if r.Action == privatereply.ActionIgnore {
		for _, field := range []string{"buttons", "quick_replies", "public", "once"} {
			if _, ok := d.fields[field]; ok {
				add(field, "a rule with ignore sends nothing; remove the field, or write reply or ask instead of ignore")
			}
		}
	}
	if _, ok := d.fields["public"]; ok && r.Hide {
		add("hide", "a hidden comment shows no public reply; leave out hide or public")
	}
}

func (d rawRule) once(add reportFunc) privatereply.Once {
	node, ok := d.fields["once"]
	if !ok {
		return ""
	}
	once := privatereply.Once(scalar(node))
	if !slices.Contains(privatereply.Onces, once) {
		add("once", fmt.Sprintf("%s is not known; write person (one answer to a person in 7 days) or person_and_post (one under each post)", quotedNode(node)))
		return ""
	}
	return once
}

// parseText is the text in node, or empty when it is none.
func parseText(node ast.Node, field, help string, add reportFunc) string {
	if isEmpty(node) {
		add(field, "it is empty; "+help)
		return ""
	}
	if !isText(node) {
		add(field, quotedNode(node)+" is not a text to YAML; "+quoteIt)
		return ""
	}
	if cut := cutByHash(node); cut != "" {
		add(field, fmt.Sprintf("YAML ends the text before %q, which it takes for a comment; %s", cut, quoteIt))
		return ""
	}
	return scalar(node)
}

// cutByHash is the word on which YAML ended an unquoted text because it begins with
// #. A comment has a space after its #, so such a word is likely a hashtag.
func cutByHash(node ast.Node) string {
	t := node.GetToken()
	if t.Type != token.StringType || t.Next == nil || t.Next.Type != token.CommentType || t.Next.Position.Line != t.Position.Line {
		return ""
	}
	if word, _, _ := strings.Cut(t.Next.Value, " "); word != "" {
		return "#" + word
	}
	return ""
}

// parseCheckedTemplate parses a text with placeholders. It returns nil after it reported
// a problem to add.
func parseCheckedTemplate(text string, add func(message string)) template {
	if i := strings.IndexFunc(text, func(r rune) bool { return unicode.IsControl(r) && r != '\n' && r != '\t' }); i >= 0 {
		add(fmt.Sprintf("the text has a control character after %q; remove it", privatereply.CutText(text[:i], 40)))
		return nil
	}
	t, err := parseTemplate(text)
	if err != nil {
		add(err.Error())
		return nil
	}
	return t
}

const holdHelp = "write a time such as 2m, 90s or 1h"

func (d rawRule) hold(action privatereply.Action, add reportFunc) privatereply.Duration {
	node, ok := d.fields["hold"]
	if !ok {
		return 0
	}
	hold, err := time.ParseDuration(scalar(node))
	switch {
	case err != nil:
		add("hold", fmt.Sprintf("%s is not a time; %s", quotedNode(node), holdHelp))
	case hold < 0:
		add("hold", fmt.Sprintf("%s is negative; %s", quotedNode(node), holdHelp))
	case hold >= maxHold:
		add("hold", fmt.Sprintf("%s is too long: Meta takes a private reply for 7 days, so nothing would ever be sent; %s", quotedNode(node), holdHelp))
	case action != "" && action != privatereply.ActionAuto:
		add("hold", "only a rule with reply can have a hold: it is the time to stop an automatic reply; remove it")
	default:
		return privatereply.Duration(hold)
	}
	return 0
}

func (d rawRule) boolean(field, help string, add reportFunc) bool {
	node, ok := d.fields[field]
	if !ok {
		return false
	}
	boolean, ok := node.(*ast.BoolNode)
	if !ok {
		add(field, quotedNode(node)+" is neither true nor false; "+help)
		return false
	}
	return boolean.Value
}

// checkOrder adds what is wrong between rules: names given twice, and rules that can
// never decide because an earlier one always does.
func checkOrder(rules []rule, drafts []rawRule, ps *problems) {
	names, conditions := map[string]rawRule{}, map[string]rawRule{}
	var always *rawRule
	for i, r := range rules {
		d := drafts[i]
		add := func(field, message string) { ps.add(d.problem(field, message)) }
		if earlier, ok := names[r.Name]; ok && r.Name != "" {
			add("name", fmt.Sprintf("the rule in line %d has this name already; every rule needs its own", earlier.line))
		}
		names[r.Name] = d
		if always != nil {
			add("", fmt.Sprintf("it is never reached, because rule %s (line %d) decides every comment; move that one to the end", always.label(), always.line))
			continue
		}
		_, hasWhen := d.fields["when"]
		switch {
		case !hasWhen || r.condition != nil && r.condition.always:
			always = &d
		case r.condition != nil:
			if earlier, ok := conditions[r.condition.canonical]; ok {
				add("when", fmt.Sprintf("rule %s (line %d) has the same condition and comes first, so this one never decides; remove one of them", earlier.label(), earlier.line))
			} else {
				conditions[r.condition.canonical] = d
			}
		}
	}
}

// checkCost adds to ps that the conditions take too long together, at the one that
// takes the most.
func checkCost(rules []rule, drafts []rawRule, ps *problems) {
	var total, most uint64
	costliest := 0
	for i, r := range rules {
		if r.condition == nil {
			continue
		}
		total += r.condition.cost
		if r.condition.cost > most {
			costliest, most = i, r.condition.cost
		}
	}
	if total > totalCost {
		ps.add(drafts[costliest].problem("when", fmt.Sprintf(
			"all conditions together could take too long when many comments come at once: %d %% of what they may, and this one takes the most, %d %%; shorten patterns, look for fewer words, or remove rules",
			total*100/totalCost, most*100/totalCost)))
	}
}
