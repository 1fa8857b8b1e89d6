package migrations

// UpFrom applies the steps of a folder made for a test.
var UpFrom = up
