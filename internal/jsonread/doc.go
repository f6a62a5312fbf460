// Package jsonread reads the small JSON values that tokens and answers of an application are made of. What is wrong with one is said without
// the value, which may be a secret. It knows topics and methods by their names, and not what the values are for.
//
//	members, err := jsonread.Object(text)
//	user, err := jsonread.Text(members["user"])
package jsonread
