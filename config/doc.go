// Package config reads weir.yaml into the Config structs of the packages that
// the file configures, and reads it again when it changes.
//
// # From bytes to a configuration
//
// Parse works in five steps, each of which reports everything that it finds
// before the next one starts:
//
//  1. bytes: size, UTF-8, nesting and YAML syntax (source.go);
//  2. tree: one document; duplicate keys, anchors, aliases and merge keys are
//     resolved, the size after alias expansion is bounded (tree.go), and ${ENV}
//     is replaced in scalar values (expand.go). This happens after parsing, so a
//     value from the environment can never become a key or a list;
//  3. structs: the tree is decoded by reflection over the yaml tags (decode.go).
//     Unknown keys are errors, as are keys that only a later version of Weir
//     knows (later.go), for a setting without effect is worse than none. The
//     enum, minimum, maximum and pattern of the jsonschema tags are checked here;
//  4. defaults: SetDefaults of gateway.Config;
//  5. rules: Validate of gateway.Config, whose paths (upstreams[1].name) are
//     turned into positions in the file.
//
// All errors have the form file:line:column: what is wrong, and what would be
// right. They are of type *Error, joined by Errors, at most MaxErrors at a time.
//
// # Reload
//
// A Watcher says when one of the files that a configuration depends on has other
// content than before. A Reloader loads, validates and applies, and leaves the
// old configuration in force when any of it fails.
//
// # For people and editors
//
// Schema is the JSON Schema of the file (shipped as weir.schema.json), Starter a
// commented example, Masked the effective configuration without its secrets.
package config
