// Package screen is what a command line needs of the terminal: which streams
// are one, text that cannot command it, and a line editor that lets output
// appear above the line that is being typed.
//
//	if screen.IsTerminal(os.Stdout) {
//		fmt.Println(screen.Escape(fromSomebodyElse))
//	}
//
// It knows nothing of connections and messages.
package screen
