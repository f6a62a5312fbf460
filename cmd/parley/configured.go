package main

import (
	"net/url"
	"slices"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// layer is one place that flags get their values from, by their names.
type layer map[string]setting

// setting is what a layer says of one flag: one value, or those of a list.
type setting struct {
	values []string
	wrong  func(value string, err error) error // makes an error of it that says where the value stands
}

// together are flags of which a layer that gives one decides all: what is below does not get to complete it.
var together = [][]string{
	{"text", "binary", "hex", "base64"}, {"cert", "key"}, {"insecure", "cacert"}, {"proxy", "unix-socket"}, {"netrc", "netrc-file"},
}

// configured completes the flags of a client command: what was not given is taken from its variables, then from the
// profile if the first argument names one, then from the table [client] of the user's file. It returns the arguments with
// the URL of the profile in place of its name. It has to come before target, onlyTarget and options.
func configured(cmd *cobra.Command, d *dialFlags, args []string) ([]string, error) {
	if d.merge(cmd, fromVariables(cmd)); d.failed != nil {
		return nil, d.failed
	}
	profile := ""
	if d.curl == "" && len(args) > 0 && isProfile(args[0]) {
		profile = args[0]
	}
	found, err := readConfiguration(cmd, d.config, profile)
	if err != nil {
		return nil, err
	}
	if profile != "" {
		args = append([]string{found.url}, args[1:]...)
		d.merge(cmd, found.profile)
		if err := d.misled(found); err != nil {
			return nil, err
		}
	}
	if d.curl == "" && len(args) > 0 && hasUser(args[0]) {
		for _, name := range []string{"user", "netrc", "netrc-file"} {
			delete(found.client, name) // the URL says more
		}
	}
	if d.merge(cmd, found.client); d.failed != nil {
		return nil, d.failed
	}
	return args, d.askPassword(cmd, args)
}

// misled refuses to take credentials by the name of a host from a file of the user's when a profile of anybody's says what is
// taken for that host.
func (d *dialFlags) misled(c *configuration) error {
	_, own := c.profile["netrc-file"]
	if !c.project || own || !d.netrc && d.netrcFile == "" {
		return nil
	}
	for _, name := range []string{"insecure", "cacert", "proxy", "resolve", "unix-socket"} {
		if _, ok := c.profile[name]; ok {
			return usage("give credentials with -u, or put the profile into "+userFileShown(),
				"--netrc: the profile is from the working directory and has a key for --%s: what answers may not be that host", name)
		}
	}
	return nil
}

// merge sets the flags that no layer above has given. The first failure stays in d.failed.
func (d *dialFlags) merge(cmd *cobra.Command, l layer) {
	taken := map[string]bool{}
	cmd.Flags().VisitAll(func(flag *pflag.Flag) {
		if !flag.Changed {
			return
		}
		taken[flag.Name] = true
		for _, group := range together {
			if slices.Contains(group, flag.Name) {
				for _, name := range group {
					taken[name] = true
				}
			}
		}
	})
	d.lower = append(d.lower, l["header"].values) // each field counts for itself: header puts them together
	cmd.Flags().VisitAll(func(flag *pflag.Flag) {
		s, ok := l[flag.Name]
		if !ok || d.failed != nil || taken[flag.Name] || flag.Name == "header" {
			return
		}
		if flag.Name == "user" {
			d.userLevel = len(d.lower)
		}
		d.failed = setFlag(cmd.Flags(), flag.Name, s)
	})
}

// setFlag gives a flag all values of a setting.
func setFlag(flags *pflag.FlagSet, name string, s setting) error {
	for _, value := range s.values {
		if err := flags.Set(name, value); err != nil {
			return s.wrong(value, err)
		}
	}
	return nil
}

// hasUser reports whether a URL says who connects.
func hasUser(target string) bool {
	u, err := url.Parse(target)
	return err == nil && u.User != nil
}
