"""Where packets and reports come from: capture filters, saved reports."""
