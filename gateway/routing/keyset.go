package routing

import "bytes"

// fewKeys is how many keys are compared one by one.
const fewKeys = 32

// keySet is the set of keys that an object has had so far.
type keySet struct {
	few  [fewKeys][]byte
	n    int
	many map[string]struct{} // once there are more than a few
}

// add refuses a key that is there, and one too many.
func (k *keySet) add(key []byte) error {
	if k.many != nil {
		return k.addToMany(key)
	}
	for _, other := range k.few[:k.n] {
		if bytes.Equal(other, key) {
			return ErrDuplicateKey
		}
	}
	if k.n < fewKeys {
		k.few[k.n] = key
		k.n++
		return nil
	}
	k.many = make(map[string]struct{}, 4*fewKeys)
	for _, other := range k.few {
		k.many[string(other)] = struct{}{}
	}
	return k.addToMany(key)
}

func (k *keySet) addToMany(key []byte) error {
	if _, ok := k.many[string(key)]; ok {
		return ErrDuplicateKey
	}
	if len(k.many) == maxBodyKeys {
		return ErrTooManyKeys
	}
	k.many[string(key)] = struct{}{}
	return nil
}
