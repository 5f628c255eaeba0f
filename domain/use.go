package domain

import "fmt"

// Rewritten returns v with nothing changed but the nonce, for a write that only
// sets the export right again.
func (v Volume) Rewritten(nonce string) Volume { return v.written(nonce) }

// Unsuited says why v can not be used in one of the uses, or was not made with
// the parameters; "" if it can and was.
func (v Volume) Unsuited(uses []Use, p Parameters) string {
	if err := v.writable("validate"); err != nil {
		return err.Error()
	}
	have := v.Record
	for _, u := range uses {
		if u.Access != have.Access {
			return fmt.Sprintf("volume_capability %s: the volume was made for %s", u.Access, have.Access)
		}
	}
	switch {
	case p.Array != "" && p.Array != v.ID.Array:
		return fmt.Sprintf("parameter array %s: the volume is on %s", p.Array, v.ID.Array)
	case p.Pool != "" && p.Pool != have.Pool:
		return fmt.Sprintf("parameter pool %s: the volume is on %s", p.Pool, have.Pool)
	case p.Timings != (Timings{}) && p.Timings != have.Parameters.Timings:
		return "parameters: the volume was made with other NVMe timings"
	}
	return ""
}
