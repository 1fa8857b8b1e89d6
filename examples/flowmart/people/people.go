// Package people invents customers: the same ones for the same seed, none of
// them anybody. E-mail addresses are at the example domains of RFC 2606.
package people

import (
	"fmt"
	"math/rand/v2"
	"strings"
)

// Person is an invented customer.
type Person struct {
	ID, Name, Email, Phone, Language, Country string
	Street, PostalCode, City                  string
}

type land struct {
	country, language, phone string
	first, last              []string
	streets                  []string
	cities                   [][2]string // postal code, name
	street                   string      // how street and number stand
}

var lands = []land{
	{"DE", "de", "+49 30 5550 %04d", words("Anna Lukas Greta Jonas Mia Paul Lena Felix Jürgen Käthe Björn Ulrike"), words("Vogel Schneider Weiß Krüger Hoffmann Schäfer Bauer Günther Lehmann Möller Brandt Sauer"),
		words("Lindenweg Gartenstraße Mühlenweg Bahnhofstraße Ahornallee Am_Markt"), [][2]string{{"10115", "Berlin"}, {"20095", "Hamburg"}, {"80331", "München"}, {"50667", "Köln"}}, "%s %d"},
	{"FR", "fr", "+33 1 9900 %04d", words("Chloé Hugo Léa Théo Inès Jules Maëlle Noé Zoé Gaël"), words("Lefèvre Moreau Garnier François Dubois Chevalier Perrin Béranger Roussel Lemaire"),
		words("rue_des_Lilas avenue_Victor-Hugo rue_du_Moulin place_de_la_Gare"), [][2]string{{"75011", "Paris"}, {"69002", "Lyon"}, {"13006", "Marseille"}}, "%[2]d %[1]s"},
	{"IT", "it", "+39 06 5550 %04d", words("Giulia Matteo Sofia Alessandro Chiara Niccolò Elisa Davide"), words("Ricci Marino Greco Conti Ferrara D'Angelo Santoro Colombo"),
		words("via_Garibaldi via_dei_Mille corso_Italia via_San_Marco"), [][2]string{{"00184", "Roma"}, {"20121", "Milano"}, {"40125", "Bologna"}}, "%s %d"},
	{"ES", "es", "+34 91 555 %04d", words("Lucía Martín Sofía Iñaki Carmen Álvaro Núria Jesús"), words("García Muñoz Ibáñez Ortega Peña Vázquez Serrano Núñez"),
		words("calle_Mayor calle_del_Sol avenida_de_la_Paz calle_Olmo"), [][2]string{{"28013", "Madrid"}, {"08002", "Barcelona"}, {"41001", "Sevilla"}}, "%s, %d"},
	{"PL", "pl", "+48 22 555 %04d", words("Zofia Jakub Małgorzata Łukasz Agnieszka Paweł Ewa Michał"), words("Kowalczyk Wójcik Zieliński Wiśniewska Dąbrowski Król Sikora Pająk"),
		words("ul._Kwiatowa ul._Długa ul._Leśna ul._Polna"), [][2]string{{"00-001", "Warszawa"}, {"30-002", "Kraków"}, {"50-001", "Wrocław"}}, "%s %d"},
	{"SE", "sv", "+46 8 5550 %04d", words("Åsa Erik Elsa Oskar Linnéa Björn Maja Göran"), words("Lindqvist Öberg Åkesson Sjöberg Nyström Hedlund Sandberg Ström"),
		words("Storgatan Skolgatan Ängsvägen Kyrkogatan"), [][2]string{{"111 20", "Stockholm"}, {"411 03", "Göteborg"}, {"211 19", "Malmö"}}, "%s %d"},
}

// ID is the customer id of the n-th person, n counting from 1.
func ID(n int) string { return fmt.Sprintf("C-%06d", n) }

// At invents the n-th person of a seed. It does not depend on how many there
// are, and no two of one seed share an id, address or number below 60,000.
func At(seed uint64, n int) Person {
	r := rand.New(rand.NewPCG(seed, uint64(n)))
	l := lands[n%len(lands)]
	first, last := pick(r, l.first), pick(r, l.last)
	city := pick(r, l.cities)
	return Person{
		ID: ID(n), Name: first + " " + last, Language: l.language, Country: l.country,
		Email:  fmt.Sprintf("%s.%s%d@example.%s", plain(first), plain(last), n, pick(r, []string{"com", "org", "net"})),
		Phone:  fmt.Sprintf(l.phone, n/len(lands)),
		Street: fmt.Sprintf(l.street, strings.ReplaceAll(pick(r, l.streets), "_", " "), 1+r.IntN(140)), PostalCode: city[0], City: city[1],
	}
}

// Rand gives a source of chance that belongs to one person and one purpose.
func Rand(seed uint64, purpose string) *rand.Rand {
	var h uint64 = 1469598103934665603 // FNV-1a
	for _, b := range []byte(purpose) {
		h = (h ^ uint64(b)) * 1099511628211
	}
	return rand.New(rand.NewPCG(seed, h))
}

func pick[T any](r *rand.Rand, from []T) T { return from[r.IntN(len(from))] }

func words(s string) []string { return strings.Fields(s) }

var fold = strings.NewReplacer("ä", "ae", "ö", "oe", "ü", "ue", "ß", "ss", "å", "aa", "é", "e", "è", "e", "ë", "e", "ê", "e", "ç", "c", "ò", "o", "ó", "o", "í", "i",
	"á", "a", "ñ", "n", "ú", "u", "ł", "l", "ń", "n", "ś", "s", "ż", "z", "ź", "z", "ą", "a", "ę", "e", "'", "", "ø", "o")

// plain writes a name in the letters an address of e-mail may have.
func plain(s string) string { return fold.Replace(strings.ToLower(s)) }
