"""Mean Teacher: like predictions as the averaged weights give."""
