// Package house holds no code, only tests: those of the rules that the whole
// repository keeps, whoever writes in it.
//
//   - arrows_test.go: which package may import which
//   - ws_test.go: package ws stays on a short list of modules
//   - docs_test.go: everything exported is documented
//   - files_test.go: no replace lines, no utils, no file too long to read, and
//     no words that mean something on one machine only
//   - docker_linux_test.go: what the Dockerfile builds runs where there is
//     nothing else
//   - deploy_test.go: the unit for systemd is one
//
// A rule is a table or a short function near the top of its file, and each has
// a test that shows it catching a violation.
//
// It must not import the packages that it judges: it reads their source.
package house
