package auth_test

import (
	"context"
	"fmt"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/parley-ws/parley/auth"
	"github.com/parley-ws/parley/hub"
)

func ExampleNew() {
	secret := []byte("at least 32 bytes, made by openssl rand")
	tokens, err := auth.New(auth.Options{Issuers: []auth.Issuer{{Secrets: [][]byte{secret}}}})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer tokens.Close()

	// What an application does for its users.
	token, err := jwt.NewWithClaims(jwt.SigningMethodHS256, jwt.MapClaims{
		"sub":    "ann",
		"exp":    time.Now().Add(time.Hour).Unix(),
		"parley": map[string]any{"subscribe": []string{"news", "chat/**"}},
	}).SignedString(secret)
	if err != nil {
		fmt.Println(err)
		return
	}

	// What a hub does with it.
	id, err := tokens.Connect(context.Background(), &hub.Credentials{Token: token})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(id.User, id.Subscribe)
	// Output: ann [news chat/**]
}
