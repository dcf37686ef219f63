from dsomgnn.cli import main

main()
