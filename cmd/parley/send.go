package main

import (
	"github.com/spf13/cobra"
)

func newSend(std stdio) *cobra.Command {
	var dial dialFlags
	var flags clientFlags
	cmd := &cobra.Command{
		Use:   "send URL [MESSAGE…]",
		Short: "Send messages, print the replies, end",
		Long: `Sends the messages given, or else a message for each line of standard input, and prints the
replies. Then it waits for more until -n, --idle or --max-time, and closes the connection.`,
		Example: `  parley send ws://127.0.0.1:8080/echo hello
  printf 'a\nb\n' | parley send ws://127.0.0.1:8080/echo`,
		Args: cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			args, err := configured(cmd, &dial, args)
			if err != nil {
				return err
			}
			target, rest, err := dial.target(args, "send: the URL is missing")
			if err != nil {
				return err
			}
			c := &client{name: "send", std: std, flags: &flags, target: target}
			if c.options, err = dial.options(); err != nil {
				return err
			}
			if err := c.prepare(rest, cmd.Flags().Changed("idle")); err != nil {
				return err
			}
			return c.run(cmd.Context())
		},
	}
	f := cmd.Flags()
	f.SortFlags = false
	flags.register(f)
	dial.register(f)
	compactHelp(cmd, lesserClientFlags...)
	return cmd
}
