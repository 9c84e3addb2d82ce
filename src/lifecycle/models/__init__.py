"""Model families, and how to read their trees and columns."""
