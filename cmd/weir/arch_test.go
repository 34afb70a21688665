package main

import (
	"bytes"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The rules that keep the house in order. Each is a test, since a rule that is
// only written down is broken by the second month.

const (
	repoRoot  = "../.."
	module    = "github.com/weir-gateway/weir"
	maxLines  = 600 // of a file that is not a test
	maxFuncs  = 120 // lines of a function that is not a test
	cores     = "scheduler cachelayer costmeter loadtest/mock"
	httpFree  = "scheduler cachelayer costmeter" // know no HTTP, no metrics, no file format
	generated = "// Code generated"
)

// allowedImports says which of our packages a package may import. What is absent
// is forbidden; so is a package that is not listed.
func allowedImports() map[string][]string {
	gatewayParts := []string{
		"gateway/admin", "gateway/http1", "gateway/identity", "gateway/routing", "gateway/telemetry", "gateway/upstream", "gateway/wire",
	}
	return map[string][]string{
		"scheduler":     {},
		"cachelayer":    {},
		"costmeter":     {},
		"loadtest/mock": {},

		"gateway/http1":     {},
		"gateway/wire":      {},
		"gateway/identity":  {"gateway/http1"},
		"gateway/routing":   {"gateway/http1", "gateway/identity"},
		"gateway/upstream":  {"gateway/http1", "gateway/wire"},
		"gateway/telemetry": {"scheduler"},
		"gateway/admin":     {"gateway/identity", "gateway/routing", "gateway/telemetry", "scheduler"},
		"gateway":           append(gatewayParts, "scheduler", "cachelayer", "costmeter"),

		"config": {"gateway", "gateway/identity", "gateway/routing", "gateway/upstream", "scheduler", "cachelayer", "costmeter"},
		"cmd/weir": {
			"config", "gateway", "gateway/admin", "gateway/http1", "gateway/identity", "gateway/routing", "gateway/telemetry",
			"gateway/upstream", "scheduler", "loadtest/mock",
		},
	}
}

// allowedVars are the package-level variables that change or that the linker
// sets. Errors, tables and assertions of interfaces need no permission.
func allowedVars() map[string][]string {
	return map[string][]string{
		"cmd/weir": {"version", "commit", "demoFiles"}, // -ldflags -X, go:embed
		// go:embed
		"config":        {"shippedSchema", "starter"},
		"gateway/admin": {"openAPIDocument"},
		// Pools of buffers without content: what is in them shows in no result.
		"gateway/wire": {"smallBuffers", "mediumBuffers", "largeBuffers"},
	}
}

// goFile is one parsed file of ours.
type goFile struct {
	pkg    string // directory below the root, with slashes
	path   string
	test   bool
	lines  int
	syntax *ast.File
	fset   *token.FileSet
}

// sourceFiles parses every Go file of the main module.
func sourceFiles(t *testing.T) []goFile {
	t.Helper()
	var files []goFile
	err := filepath.WalkDir(repoRoot, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			return skipDir(path, d)
		}
		if !strings.HasSuffix(path, ".go") {
			return nil
		}
		f, err := parseFile(path)
		if err == nil && f.syntax != nil {
			files = append(files, f)
		}
		return err
	})
	require.NoError(t, err)
	require.NotEmpty(t, files)
	return files
}

// skipDir leaves out what is not source of this module.
func skipDir(path string, d fs.DirEntry) error {
	name := d.Name()
	if path != repoRoot && (name == "testdata" || name == "node_modules" || name == "bin" || strings.HasPrefix(name, ".") && name != "..") {
		return filepath.SkipDir
	}
	if path == repoRoot {
		return nil
	}
	if _, err := os.Stat(filepath.Join(path, "go.mod")); err == nil {
		return filepath.SkipDir // a module of its own
	}
	return nil
}

func parseFile(path string) (goFile, error) {
	src, err := os.ReadFile(path)
	if err != nil {
		return goFile{}, err
	}
	if bytes.HasPrefix(src, []byte(generated)) {
		return goFile{}, nil
	}
	rel, err := filepath.Rel(repoRoot, filepath.Dir(path))
	if err != nil {
		return goFile{}, err
	}
	f := goFile{
		pkg: filepath.ToSlash(rel), path: path, test: strings.HasSuffix(path, "_test.go"),
		lines: bytes.Count(src, []byte("\n")), fset: token.NewFileSet(),
	}
	f.syntax, err = parser.ParseFile(f.fset, path, src, parser.ParseComments|parser.SkipObjectResolution)
	return f, err
}

func TestPackagesImportOnlyWhatTheyMay(t *testing.T) {
	allowed := allowedImports()
	for _, f := range sourceFiles(t) {
		may, known := allowed[f.pkg]
		if !known {
			t.Errorf("%s: package %s is new: say in allowedImports what it may import", f.path, f.pkg)
			continue
		}
		if f.test {
			continue // tests join parts on purpose; the compiler forbids cycles
		}
		for _, spec := range f.syntax.Imports {
			path, err := strconv.Unquote(spec.Path.Value)
			require.NoError(t, err)
			checkImport(t, f, path, may)
		}
	}
}

func checkImport(t *testing.T, f goFile, path string, may []string) {
	t.Helper()
	if ours, ok := strings.CutPrefix(path, module+"/"); ok {
		assert.Contains(t, may, ours, "%s: %s must not import %s", f.path, f.pkg, ours)
		return
	}
	if !slices.Contains(strings.Fields(httpFree), f.pkg) {
		return
	}
	for _, forbidden := range []string{"net/http", "github.com/valyala/fasthttp", "github.com/prometheus/", "yaml", "go.uber.org/zap"} {
		assert.NotContains(t, path, forbidden, "%s: %s is a core: it knows no HTTP, metrics, log or file format", f.path, f.pkg)
	}
}

func TestCoresImportNothingOfOurs(t *testing.T) {
	for _, core := range strings.Fields(cores) {
		assert.Empty(t, allowedImports()[core], core)
	}
}

func TestEveryPackageHasOneComment(t *testing.T) {
	comments := map[string][]string{}
	for _, f := range sourceFiles(t) {
		if f.test {
			continue
		}
		comments[f.pkg] = append(comments[f.pkg], "")
		if f.syntax.Doc != nil {
			comments[f.pkg] = append(comments[f.pkg], f.path)
			name := f.syntax.Name.Name
			want := "Package " + name + " "
			if name == "main" {
				want = "Command "
			}
			assert.True(t, strings.HasPrefix(f.syntax.Doc.Text(), want), "%s: the package comment starts with %q", f.path, want)
		}
	}
	for pkg, in := range comments {
		in = slices.DeleteFunc(in, func(s string) bool { return s == "" })
		assert.Len(t, in, 1, "package %s: one package comment, in doc.go", pkg)
	}
}

func TestExportedNamesAreDocumented(t *testing.T) {
	for _, f := range sourceFiles(t) {
		if f.test || f.syntax.Name.Name == "main" {
			continue
		}
		for _, decl := range f.syntax.Decls {
			for _, name := range undocumented(decl) {
				t.Errorf("%s: %s has no comment", f.fset.Position(decl.Pos()), name)
			}
		}
	}
}

// undocumented returns the exported names that decl declares without a comment.
func undocumented(decl ast.Decl) (names []string) {
	switch d := decl.(type) {
	case *ast.FuncDecl:
		if d.Doc == nil && d.Name.IsExported() && exportedReceiver(d) && !selfEvident(d) {
			names = append(names, d.Name.Name)
		}
	case *ast.GenDecl:
		for _, spec := range d.Specs {
			names = append(names, undocumentedSpec(d, spec)...)
		}
	}
	return names
}

// selfEvident methods do what the interface of their name says.
func selfEvident(d *ast.FuncDecl) bool {
	return d.Recv != nil && slices.Contains([]string{"Error", "Unwrap", "String", "Len", "Less", "Swap"}, d.Name.Name)
}

func undocumentedSpec(d *ast.GenDecl, spec ast.Spec) (names []string) {
	switch s := spec.(type) {
	case *ast.TypeSpec:
		if s.Name.IsExported() && s.Doc == nil && (d.Doc == nil || d.Lparen.IsValid()) {
			names = append(names, s.Name.Name)
		}
	case *ast.ValueSpec:
		if s.Doc != nil || s.Comment != nil || d.Doc != nil {
			return nil
		}
		for _, n := range s.Names {
			if n.IsExported() {
				names = append(names, n.Name)
			}
		}
	}
	return names
}

// exportedReceiver says whether a function is one that godoc shows.
func exportedReceiver(d *ast.FuncDecl) bool {
	if d.Recv == nil {
		return true
	}
	typ := d.Recv.List[0].Type
	for {
		switch x := typ.(type) {
		case *ast.StarExpr:
			typ = x.X
		case *ast.IndexExpr:
			typ = x.X
		case *ast.IndexListExpr:
			typ = x.X
		case *ast.Ident:
			return x.IsExported()
		default:
			return false
		}
	}
}

func TestFilesAndFunctionsStayShort(t *testing.T) {
	for _, f := range sourceFiles(t) {
		if f.test {
			continue
		}
		assert.LessOrEqual(t, f.lines, maxLines, "%s: split it by noun or stage", f.path)
		for _, decl := range f.syntax.Decls {
			d, ok := decl.(*ast.FuncDecl)
			if !ok || d.Body == nil {
				continue
			}
			lines := f.fset.Position(d.End()).Line - f.fset.Position(d.Pos()).Line
			assert.LessOrEqual(t, lines, maxFuncs, "%s: %s", f.fset.Position(d.Pos()), d.Name.Name)
		}
	}
}

func TestPackagesHaveNoMutableState(t *testing.T) {
	allowed := allowedVars()
	for _, f := range sourceFiles(t) {
		if f.test {
			continue
		}
		for _, decl := range f.syntax.Decls {
			d, ok := decl.(*ast.GenDecl)
			if !ok || d.Tok != token.VAR {
				continue
			}
			for _, spec := range d.Specs {
				for _, name := range suspectVars(spec.(*ast.ValueSpec)) {
					assert.Contains(t, allowed[f.pkg], name, "%s: state of a package cannot be tested in parallel; put it into a value", f.fset.Position(spec.Pos()))
				}
			}
		}
	}
}

// suspectVars returns the variables of a declaration that may hold state. A
// lower-case table or a sentinel error is a constant that Go cannot spell; what
// is declared without a value is there to be changed.
func suspectVars(s *ast.ValueSpec) (names []string) {
	for i, n := range s.Names {
		if n.Name == "_" {
			continue
		}
		if i < len(s.Values) && constantLike(n.Name, s.Values[i]) {
			continue
		}
		names = append(names, n.Name)
	}
	return names
}

// constantLike says whether a variable of this name and value is a sentinel error
// or a table.
func constantLike(name string, v ast.Expr) bool {
	if strings.HasPrefix(strings.ToLower(name), "err") {
		return true
	}
	if ast.IsExported(name) {
		return false // another package could change it
	}
	switch x := v.(type) {
	case *ast.CallExpr:
		return !lockOrPool(exprString(x.Fun)) // what a function computes once
	case *ast.CompositeLit:
		return !lockOrPool(exprString(x.Type))
	case *ast.UnaryExpr:
		return constantLike(name, x.X)
	case *ast.FuncLit:
		return false
	}
	return true
}

func lockOrPool(typ string) bool {
	return strings.HasPrefix(typ, "sync.") || strings.HasPrefix(typ, "atomic.")
}

func exprString(e ast.Expr) string {
	switch x := e.(type) {
	case *ast.Ident:
		return x.Name
	case *ast.SelectorExpr:
		return exprString(x.X) + "." + x.Sel.Name
	case *ast.IndexExpr:
		return exprString(x.X)
	case *ast.IndexListExpr:
		return exprString(x.X)
	}
	return ""
}
