"""Mathematics without a CRM word: special functions, quadrature, small matrices, Newton's method, engines."""
